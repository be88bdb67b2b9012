import { dirname } from 'node:path';
import type { Model } from '../../model/model.ts';
import { coverage, predictAll, type Score, score } from '../../model/score.ts';
import { readArrowTable, typedColumn } from '../lib/arrow.ts';
import { type Database, parquet, readSql } from '../lib/duckdb.ts';
import { type ShardedDataset, shardReadError } from './shards.ts';

/** Rows with full windows, a value a row. */
export interface FeatureRows {
  volume: Float64Array;
  volMovingAvg: Float64Array;
  adjCloseRollingMed: Float64Array;
}

/** The features of a key, or some of its shards. */
export type Features = Pick<ShardedDataset, 'shards' | 'uri'>;

/**
 * Gives the rows of features the name `features`, which .sql files select from.
 * @throws PermanentError where a shard is damaged
 */
export async function viewFeatures(features: Features, database: Database): Promise<void> {
  const paths = features.shards.map(({ path }) => path);
  await database.createView('features', `SELECT * FROM ${parquet(...paths)}`).catch(throwReadError(features));
}

/** For the `catch` of a query over features. @throws PermanentError where a shard is damaged, the cause itself otherwise */
export function throwReadError({ shards: [shard, another], uri }: Features): (cause: unknown) => never {
  return (cause) => {
    const where = shard && !another ? shard.path : `a shard of ${uri}`;
    throw shardReadError(where, dirname(uri), 'features', cause);
  };
}

/**
 * Reads the rows of a span of days, both included, from the view `features`, which is of these.
 * @throws PermanentError where a shard is damaged
 */
export async function readFeatureRows(
  features: Features,
  from: string,
  until: string,
  database: Database,
): Promise<FeatureRows> {
  await database.setVariable('from_day', from);
  await database.setVariable('until_day', until);
  const sql = await readSql(import.meta.url, 'feature-rows.sql');
  const rows = await readArrowTable(sql, database).catch(throwReadError(features));
  return {
    volume: typedColumn(rows, 'volume'),
    volMovingAvg: typedColumn(rows, 'vol_moving_avg'),
    adjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med'),
  };
}

/** How a model does on rows, and the share of their volumes that lie between its p10 and p90. */
export async function evaluate(
  model: Model,
  { volume, volMovingAvg, adjCloseRollingMed }: FeatureRows,
): Promise<Score & { coverage: number }> {
  const { p10, point, p90 } = await predictAll(model, volMovingAvg, adjCloseRollingMed);
  return { ...score(point, volume), coverage: coverage(p10, p90, volume) };
}
