import type { Table } from 'apache-arrow';
import type { Context } from '../../context.ts';
import { readArrowTable, typedColumn } from '../../lib/arrow.ts';
import { type Database, readSql } from '../../lib/duckdb.ts';
import { type FeatureRows, viewFeatures } from '../../store/feature-rows.ts';
import type { ShardedDataset } from '../../store/shards.ts';
import type { Examples } from './example-set.ts';
import { type Split, tooFewRows } from './split.ts';

/**
 * At least this many rows of each symbol before the validation block are left out, or a whole
 * window, so that no training row's window overlaps a validation row's.
 */
const MIN_EMBARGO = 30;

/**
 * Reads the training rows, shard by shard.
 * @param halfLife in years: a row this old has half the weight
 * @throws PermanentError when there is none
 */
export async function* readTrainingExamples(
  features: ShardedDataset,
  { as_of, validation_from }: Split,
  halfLife: number,
  { database }: Context,
): AsyncGenerator<Examples> {
  const windows = features.shards.map(({ manifest }) => manifest.parameters.window ?? 0);
  const embargo = Math.max(MIN_EMBARGO, ...windows);
  const options = { from_day: '', until_day: validation_from, validation_from, embargo, half_life: halfLife };
  let rows = 0;
  for await (const examples of readExamples(features, options, database)) {
    rows += examples.weight.length;
    yield examples;
  }
  if (rows > 0) return;
  const problem = `no row before ${validation_from} is left to train on (validation begins there, after an embargo of ${embargo} rows)`;
  throw await tooFewRows(features, as_of, problem, database);
}

/** Reads the calibration rows, shard by shard, all with the weight 1. */
export async function* readCalibrationExamples(
  features: ShardedDataset,
  { validation_from, measure_from }: Split,
  { database }: Context,
): AsyncGenerator<Examples> {
  const days = { from_day: validation_from, until_day: measure_from, validation_from };
  yield* readExamples(features, { ...days, embargo: 0, half_life: 1 }, database);
}

/** Rows to calibrate or measure a model on; a value per row. */
export interface EvaluationRows extends FeatureRows {
  year: Int32Array;
  /** 1 for an ETF, 0 for a stock. */
  isEtf: Int32Array;
  /** The features of the symbol's row before; NaN where it has none. */
  laggedVolMovingAvg: Float64Array;
  laggedAdjCloseRollingMed: Float64Array;
}

/** Reads the rows from one day until before another. */
export async function readEvaluationRows(
  features: ShardedDataset,
  [from_day, until_day]: [string, string],
  { database }: Context,
): Promise<EvaluationRows> {
  const shards = queryShards('evaluation-rows.sql', features, { from_day, until_day }, database);
  const [first, ...others] = await Array.fromAsync(shards, ({ table }) => table);
  const rows = (first as Table).concat(...others);
  return {
    year: typedColumn(rows, 'year'),
    isEtf: typedColumn(rows, 'is_etf'),
    volume: typedColumn(rows, 'volume'),
    volMovingAvg: typedColumn(rows, 'vol_moving_avg'),
    adjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med'),
    laggedVolMovingAvg: typedColumn(rows, 'vol_moving_avg_lag_1'),
    laggedAdjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med_lag_1'),
  };
}

async function* readExamples(
  features: ShardedDataset,
  variables: Record<string, string | number>,
  database: Database,
): AsyncGenerator<Examples> {
  for await (const { path, table } of queryShards('examples.sql', features, variables, database))
    yield {
      path,
      logVolMovingAvg: typedColumn(table, 'log_vol_moving_avg'),
      signedLogAdjCloseRollingMed: typedColumn(table, 'signed_log_adj_close_rolling_med'),
      logRatio: typedColumn(table, 'log_ratio'),
      weight: typedColumn(table, 'weight'),
    };
}

/** Runs a .sql file on each shard in turn. */
async function* queryShards(
  file: string,
  { shards, remake }: ShardedDataset,
  variables: Record<string, string | number>,
  database: Database,
): AsyncGenerator<{ path: string; table: Table }> {
  const sql = await readSql(import.meta.url, file);
  for (const [name, value] of Object.entries(variables)) await database.setVariable(name, value);
  for (const shard of shards) {
    const features = { shards: [shard], remake };
    await viewFeatures(features, database);
    await database.setVariable('etfs', shard.manifest.etfs);
    const table = await readArrowTable(sql, database);
    yield { path: shard.path, table };
  }
}
