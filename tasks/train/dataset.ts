import type { Table } from 'apache-arrow';
import { logVolume, signedLog } from '../../serving/model.ts';
import { column, readTable } from '../arrow.ts';
import type { Context } from '../context.ts';
import { type Database, parquet, readSql } from '../duckdb.ts';
import { InputError } from '../errors.ts';
import type { ShardedDataset } from '../shards.ts';
import type { Examples } from './rows.ts';

/** About this share of the rows, the latest ones, validates. */
const VALIDATION_SHARE = 0.1;

/** Rows of each symbol that are left out before the validation block: at least these, and a window's. */
const EMBARGO = 30;

/**
 * The days that part the rows, each written YYYY-MM-DD: training < validationFrom <= calibration < measureFrom <= measuring < asOf.
 * The last two, each about half of the validation block, are apart so that what was calibrated is not measured on the same rows.
 */
export interface Split {
  asOf: string;
  validationFrom: string;
  measureFrom: string;
}

/**
 * Finds where to split the rows with full windows before the as-of date.
 * @param asOf YYYY-MM-DD; the day after the last row, if not given
 * @throws InputError when there is no such row
 */
export async function findSplit(
  features: ShardedDataset,
  asOf: string | undefined,
  { database }: Context,
): Promise<Split> {
  await viewFeatures(features.shards, database);
  await database.setVariable('as_of', asOf ?? '');
  await database.setVariable('validation_share', VALIDATION_SHARE);
  const [split] = await database.rows<Record<'as_of' | 'validation_from' | 'measure_from', string | null>>(
    await readSql(import.meta.url, 'split.sql'),
  );
  if (!split?.as_of || !split.validation_from || !split.measure_from)
    throw tooFew(features, split?.as_of, 'has a full window');
  return { asOf: split.as_of, validationFrom: split.validation_from, measureFrom: split.measure_from };
}

/**
 * Reads the rows to train on, shard by shard: the columns of training.sql.
 * @param halfLife in years: how old a row counts half
 */
export async function* readTraining(
  features: ShardedDataset,
  { validationFrom }: Split,
  halfLife: number,
  { database }: Context,
): AsyncGenerator<Table> {
  await database.setVariable('validation_from', validationFrom);
  await database.setVariable('half_life', halfLife);
  const embargo = Math.max(EMBARGO, ...features.shards.map(({ record }) => record.parameters.window ?? 0));
  await database.setVariable('embargo', embargo);
  let rows = 0;
  for await (const table of readShards('training.sql', features, database)) {
    rows += table.numRows;
    yield table;
  }
  if (rows > 0) return;
  throw tooFew(
    features,
    validationFrom,
    `is left to train on (validation begins there, after an embargo of ${embargo} rows)`,
  );
}

/** The quantiles of the log ratio in all rows before the validation block. */
export interface Start {
  p10: number;
  p50: number;
  p90: number;
}

/** Finds what the network starts from. */
export async function readStart(
  features: ShardedDataset,
  { validationFrom }: Split,
  { database }: Context,
): Promise<Start> {
  await viewFeatures(features.shards, database);
  await database.setVariable('validation_from', validationFrom);
  return {
    ...(await database.row<Record<keyof Start, number>>(await readSql(import.meta.url, 'start.sql'))),
  };
}

/** Reads the validation block: the columns of validation.sql. */
export async function readValidation(
  features: ShardedDataset,
  { asOf, validationFrom, measureFrom }: Split,
  { database }: Context,
): Promise<Table> {
  await database.setVariable('as_of', asOf);
  await database.setVariable('validation_from', validationFrom);
  await database.setVariable('measure_from', measureFrom);
  const tables = await Array.fromAsync(readShards('validation.sql', features, database));
  const [first, ...others] = tables as [Table, ...Table[]];
  return first.concat(...others);
}

/** The validation block, or a part of it: the columns of validation.sql, a value a row. */
export interface Block {
  isMeasured: Int32Array;
  year: Int32Array;
  volume: Float64Array;
  average: Float64Array;
  median: Float64Array;
  laggedAverage: Float64Array;
  laggedMedian: Float64Array;
}

export function toBlock(validation: Table): Block {
  return {
    isMeasured: column(validation, 'is_measured'),
    year: column(validation, 'year'),
    volume: column(validation, 'volume'),
    average: column(validation, 'vol_moving_avg'),
    median: column(validation, 'adj_close_rolling_med'),
    laggedAverage: column(validation, 'vol_moving_avg_lag_1'),
    laggedMedian: column(validation, 'adj_close_rolling_med_lag_1'),
  };
}

export function selectRows(block: Block, isWanted: (row: number) => boolean): Block {
  const keep = (_: number, row: number) => isWanted(row);
  return {
    isMeasured: block.isMeasured.filter(keep),
    year: block.year.filter(keep),
    volume: block.volume.filter(keep),
    average: block.average.filter(keep),
    median: block.median.filter(keep),
    laggedAverage: block.laggedAverage.filter(keep),
    laggedMedian: block.laggedMedian.filter(keep),
  };
}

/** The rows of a block in log units, as the network sees them; each counts the same. */
export function toExamples({ volume, average, median }: Block): Examples {
  return {
    logAverage: Float32Array.from(average, logVolume),
    signedLogMedian: Float32Array.from(median, signedLog),
    logRatio: Float32Array.from(volume, (value, row) => logVolume(value) - logVolume(average[row] as number)),
    weight: new Float32Array(volume.length).fill(1),
  };
}

async function* readShards(
  file: string,
  { shards }: ShardedDataset,
  database: Database,
): AsyncGenerator<Table> {
  const sql = await readSql(import.meta.url, file);
  for (const shard of shards) {
    await viewFeatures([shard], database);
    yield await readTable(sql, database);
  }
}

async function viewFeatures(shards: ShardedDataset['shards'], database: Database): Promise<void> {
  await database.createView('features', `SELECT * FROM ${parquet(...shards.map(({ path }) => path))}`);
}

function tooFew(features: ShardedDataset, before: string | null | undefined, what: string): InputError {
  return new InputError(
    `${features.uri}: no row${before ? ` before ${before}` : ''} ${what}; give a later --as-of, or ingest more rows`,
  );
}
