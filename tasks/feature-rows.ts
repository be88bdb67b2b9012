import type { Model } from '../serving/model.ts';
import { column, readTable } from './arrow.ts';
import { type Database, parquet, readSql } from './duckdb.ts';
import { coverage, predictAll, type Score, score } from './score.ts';

/** Rows with full windows, a value a row. */
export interface FeatureRows {
  volume: Float64Array;
  average: Float64Array;
  median: Float64Array;
}

/** Gives the rows of these shards the name `features`, which .sql files select from. */
export async function viewFeatures(shards: { path: string }[], database: Database): Promise<void> {
  await database.createView('features', `SELECT * FROM ${parquet(...shards.map(({ path }) => path))}`);
}

/** Reads the rows of a span of days, both included, from the view `features`. */
export async function readFeatureRows(from: string, until: string, database: Database): Promise<FeatureRows> {
  await database.setVariable('from_day', from);
  await database.setVariable('until_day', until);
  const rows = await readTable(await readSql(import.meta.url, 'feature-rows.sql'), database);
  return {
    volume: column(rows, 'volume'),
    average: column(rows, 'vol_moving_avg'),
    median: column(rows, 'adj_close_rolling_med'),
  };
}

/** How a model does on rows, and the share of their volumes that lie between its p10 and p90. */
export async function evaluate(
  model: Model,
  { volume, average, median }: FeatureRows,
): Promise<Score & { coverage: number }> {
  const { p10, point, p90 } = await predictAll(model, average, median);
  return { ...score(point, volume), coverage: coverage(p10, p90, volume) };
}
