import type { Context } from '../context.ts';
import { parquet } from '../lib/duckdb.ts';
import { sumChecks } from './checks.ts';
import type { PublishedShards } from './publish-shards.ts';
import type { Outcome } from './result.ts';
import { sumOf } from './shards.ts';

/** A task's result, summed up over the shards that it made or found. */
export async function describeShards(
  dataset: 'prices' | 'features',
  { key, status, records, checks, folder }: PublishedShards,
  { database }: Context,
): Promise<Omit<Outcome, 'inputs' | 'columnLineage'>> {
  const paths = records.map(({ files }) => `${folder}/${files[0]?.name}`);
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
        rows: sum(records.map(({ rows }) => rows)),
        bytes: sum(records.map(({ files }) => files[0]?.bytes ?? 0)),
        columns: columns.map(({ column_name, column_type }) => ({ name: column_name, type: column_type })),
      },
    ],
    checks: [...sumChecks(records.flatMap((record) => record.checks)), ...checks],
    metrics: sumOf(records.map(({ metrics }) => metrics)),
  };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
