import { join } from 'node:path';
import type { Context } from '../context.ts';
import { codeKey, contentKey } from '../lib/content-key.ts';
import { type Database, PARQUET_WRITER, parquet, readSql } from '../lib/duckdb.ts';
import { checkCount, countNulls, runChecks } from '../store/checks.ts';
import { publishOrigin } from '../store/origins.ts';
import { publishShards, type ShardContent, type ShardSubset } from '../store/publish-shards.ts';
import { publishMadeBy } from '../store/remake-command.ts';
import type { TaskResult } from '../store/result.ts';
import { assertUndamaged, openDataset, shardName } from '../store/shards.ts';
import { summarizeShards } from '../store/summarize-shards.ts';

const COPIED_COLUMNS = [
  'Symbol',
  'Security Name',
  'Date',
  'Open',
  'High',
  'Low',
  'Close',
  'Adj Close',
  'Volume',
];
const LINEAGE = {
  ...Object.fromEntries(COPIED_COLUMNS.map((column) => [column, [`prices.${column}`]])),
  vol_moving_avg: ['prices.Symbol', 'prices.Date', 'prices.Volume'],
  adj_close_rolling_med: ['prices.Symbol', 'prices.Date', 'prices.Adj Close'],
};

export interface FeaturesOptions {
  /** The key of the prices. The default is the latest. */
  prices?: string | undefined;
  /** The number of rows in a window. */
  window: number;
  /** Make only some of the shards. */
  shard?: ShardSubset | undefined;
}

/**
 * Adds vol_moving_avg and adj_close_rolling_med to the prices. Both are over the last `window` rows
 * of the symbol, including the row itself.
 * @throws PermanentError if there are no prices, or a shard of them is damaged
 */
export async function features(
  { prices: key, window, shard }: FeaturesOptions,
  context: Context,
): Promise<TaskResult> {
  const prices = await openDataset('prices', key, 'ingest', context.store);
  const code = codeKey(import.meta.url, '*.sql');
  const plans = prices.shards.map((priceShard) => ({
    index: priceShard.index,
    priceShard,
    key: contentKey('features', code, PARQUET_WRITER, window, priceShard.manifest.key),
  }));
  const published = await publishShards(
    'features',
    plans,
    shard,
    context,
    async ({ index, priceShard }, scratch, database) => {
      await assertUndamaged({ shards: [priceShard], remake: prices.remake });
      const path = join(scratch, `${shardName(index)}.parquet`);
      return {
        ...(await makeFeatureShard(priceShard.path, path, window, database)),
        etfs: priceShard.manifest.etfs,
      };
    },
    async ({ rows }) => [checkCount('every_row_is_accounted_for', 'fail', Math.abs(prices.rows - rows))],
  );
  await publishOrigin('features', published.key, 'prices', prices.key, context.store);
  const args = ['--prices', prices.key, '--window', String(window)];
  await publishMadeBy('features', published.key, { task: 'features', args }, context.store);
  return {
    ...(await summarizeShards('features', published, context)),
    inputs: [{ name: 'prices', uri: prices.uri, key: prices.key, rows: prices.rows, bytes: prices.bytes }],
    columnLineage: LINEAGE,
  };
}

async function makeFeatureShard(
  prices: string,
  path: string,
  window: number,
  database: Database,
): Promise<Omit<ShardContent, 'etfs'>> {
  await database.setVariable('window', window);
  await database.createView('prices', `SELECT *, file_row_number AS place FROM ${parquet(prices)}`);
  await database.copyToParquet(await readSql(import.meta.url, 'features.sql'), path);
  await database.createView('features', `SELECT *, file_row_number AS place FROM ${parquet(path)}`);
  await database.run(
    `CREATE OR REPLACE TEMP TABLE counts AS ${await readSql(import.meta.url, 'features-counts.sql')}`,
  );
  const { rows, ...metrics } = await database.row<{ rows: number; symbols: number; full_windows: number }>(
    'SELECT rows, symbols, full_windows FROM counts',
  );
  const checks = await runChecks(await readSql(import.meta.url, 'features-checks.sql'), database);
  const nulls = await countNulls(path, database);
  return { paths: [path], rows, nulls, checks, parameters: { window }, metrics };
}
