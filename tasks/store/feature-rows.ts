import type { Model } from '../../model/model.ts';
import { coverage, predictAll, type Score, score } from '../../model/score.ts';
import { readArrowTable, typedColumn } from '../lib/arrow.ts';
import { type Database, parquet, readSql } from '../lib/duckdb.ts';
import { assertUndamaged, type ShardedDataset } from './shards.ts';

/** Rows with full windows: arrays with one value per row. */
export interface FeatureRows {
  volume: Float64Array;
  volMovingAvg: Float64Array;
  adjCloseRollingMed: Float64Array;
}

/** Coverage is the share of the volumes between p10 and p90. */
export type ScoreWithCoverage = Score & { coverage: number };

/** Features, or some of their shards. */
export type Features = Pick<ShardedDataset, 'shards' | 'remake'>;

/**
 * Verifies the features, and creates the view `features`, which .sql files read.
 * @throws PermanentError when a shard is damaged
 */
export async function viewFeatures(features: Features, database: Database): Promise<void> {
  await assertUndamaged(features);
  const paths = features.shards.map(({ path }) => path);
  await database.createView('features', `SELECT * FROM ${parquet(...paths)}`);
}

/**
 * Reads the rows of a range of days, both inclusive, from the view `features`. Call viewFeatures()
 * before.
 */
export async function readFeatureRows(from: string, until: string, database: Database): Promise<FeatureRows> {
  await database.setVariable('from_day', from);
  await database.setVariable('until_day', until);
  const sql = await readSql(import.meta.url, 'feature-rows.sql');
  const rows = await readArrowTable(sql, database);
  return {
    volume: typedColumn(rows, 'volume'),
    volMovingAvg: typedColumn(rows, 'vol_moving_avg'),
    adjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med'),
  };
}

/** Scores a model on rows. */
export async function scoreWithCoverage(
  model: Model,
  { volume, volMovingAvg, adjCloseRollingMed }: FeatureRows,
): Promise<ScoreWithCoverage> {
  const { p10, point, p90 } = await predictAll(model, volMovingAvg, adjCloseRollingMed);
  return { ...score(point, volume), coverage: coverage(p10, p90, volume) };
}
