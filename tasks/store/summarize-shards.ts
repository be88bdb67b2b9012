import type { Context } from '../context.ts';
import { parquet } from '../lib/duckdb.ts';
import { sumChecks } from './checks.ts';
import type { PublishedShards } from './publish-shards.ts';
import type { TaskResult } from './result.ts';
import { sumCounts } from './shards.ts';

/** The result of a task that publishes shards, summed over the shards that it made or found. */
export async function summarizeShards(
  dataset: 'prices' | 'features',
  { key, status, manifests, checks, folder }: PublishedShards,
  { database }: Context,
): Promise<Omit<TaskResult, 'inputs' | 'columnLineage'>> {
  const paths = manifests.map(({ files }) => `${folder}/${files[0]?.name}`);
  const columns =
    paths.length === 0
      ? []
      : await database.rows<{ column_name: string; column_type: string }>(
          `DESCRIBE SELECT * FROM ${parquet(...paths)}`,
        );
  return {
    status,
    outputs: [
      {
        name: dataset,
        uri: folder,
        format: 'parquet',
        key,
        rows: sum(manifests.map(({ rows }) => rows)),
        bytes: sum(manifests.map(({ files }) => files[0]?.bytes ?? 0)),
        columns: columns.map(({ column_name, column_type }) => ({ name: column_name, type: column_type })),
      },
    ],
    checks: [...sumChecks(manifests.flatMap((manifest) => manifest.checks)), ...checks],
    metrics: sumCounts(manifests.map(({ metrics }) => metrics)),
  };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
