import type { Table } from 'apache-arrow';
import type { Context } from '../../context.ts';
import { readArrowTable, typedColumn } from '../../lib/arrow.ts';
import { type Database, readSql } from '../../lib/duckdb.ts';
import { PermanentError } from '../../lib/errors.ts';
import { throwReadError, viewFeatures } from '../../store/feature-rows.ts';
import type { ShardedDataset } from '../../store/shards.ts';
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
  /** The day of the newest row before asOf. */
  newestRow: string;
}

/**
 * Finds where to split the rows with full windows before the as-of date.
 * @param asOf YYYY-MM-DD; the day after the last row, if not given
 * @throws PermanentError when there is no such row
 */
export async function findSplit(
  features: ShardedDataset,
  asOf: string | undefined,
  { database }: Context,
): Promise<Split> {
  await viewFeatures(features, database);
  await database.setVariable('as_of', asOf ?? '');
  await database.setVariable('validation_share', VALIDATION_SHARE);
  const [split] = await database
    .rows<Record<'as_of' | 'validation_from' | 'measure_from' | 'newest_row', string | null>>(
      await readSql(import.meta.url, 'split.sql'),
    )
    .catch(throwReadError(features));
  if (!split?.as_of || !split.validation_from || !split.measure_from || !split.newest_row)
    throw await tooFew(features, split?.as_of, split?.as_of, 'has a full window', database);
  return {
    asOf: split.as_of,
    validationFrom: split.validation_from,
    measureFrom: split.measure_from,
    newestRow: split.newest_row,
  };
}

/**
 * Reads the rows to train on, shard by shard: the columns of examples.sql.
 * @param halfLife in years: how old a row counts half
 */
export async function* readTraining(
  features: ShardedDataset,
  { asOf, validationFrom }: Split,
  halfLife: number,
  { database }: Context,
): AsyncGenerator<Examples> {
  const embargo = Math.max(
    EMBARGO,
    ...features.shards.map(({ manifest }) => manifest.parameters.window ?? 0),
  );
  await setSpan('', validationFrom, database);
  await database.setVariable('embargo', embargo);
  await database.setVariable('validation_from', validationFrom);
  await database.setVariable('half_life', halfLife);
  let rows = 0;
  for await (const { path, table } of readShards('examples.sql', features, database)) {
    rows += table.numRows;
    yield toExamples(path, table);
  }
  if (rows > 0) return;
  throw await tooFew(
    features,
    asOf,
    validationFrom,
    `is left to train on (validation begins there, after an embargo of ${embargo} rows)`,
    database,
  );
}

/** Reads the rows that calibrate in the same way; each counts the same. */
export async function* readValidation(
  features: ShardedDataset,
  { validationFrom, measureFrom }: Split,
  { database }: Context,
): AsyncGenerator<Examples> {
  await setSpan(validationFrom, measureFrom, database);
  await database.setVariable('embargo', 0);
  await database.setVariable('validation_from', validationFrom);
  await database.setVariable('half_life', 1);
  for await (const { path, table } of readShards('examples.sql', features, database))
    yield toExamples(path, table);
}

/** Some days' rows: the columns of block.sql, a value a row. */
export interface Block {
  year: Int32Array;
  /** 1 for an ETF, 0 for a stock; undefined where the features do not say which symbols are ETFs. */
  isEtf: Int32Array | undefined;
  volume: Float64Array;
  volMovingAvg: Float64Array;
  adjCloseRollingMed: Float64Array;
  laggedVolMovingAvg: Float64Array;
  laggedAdjCloseRollingMed: Float64Array;
}

/** Reads the rows from one day until before another. */
export async function readBlock(
  features: ShardedDataset,
  [from, until]: [string, string],
  { database }: Context,
): Promise<Block> {
  await setSpan(from, until, database);
  const [first, ...others] = (await Array.fromAsync(
    readShards('block.sql', features, database),
    ({ table }) => table,
  )) as [Table, ...Table[]];
  const rows = first.concat(...others);
  return {
    year: typedColumn(rows, 'year'),
    isEtf: features.shards.every(({ manifest }) => manifest.etfs) ? typedColumn(rows, 'is_etf') : undefined,
    volume: typedColumn(rows, 'volume'),
    volMovingAvg: typedColumn(rows, 'vol_moving_avg'),
    adjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med'),
    laggedVolMovingAvg: typedColumn(rows, 'vol_moving_avg_lag_1'),
    laggedAdjCloseRollingMed: typedColumn(rows, 'adj_close_rolling_med_lag_1'),
  };
}

function toExamples(path: string, table: Table): Examples {
  return {
    path,
    logAverage: typedColumn(table, 'log_average'),
    signedLogMedian: typedColumn(table, 'signed_log_median'),
    logRatio: typedColumn(table, 'log_ratio'),
    weight: typedColumn(table, 'weight'),
  };
}

async function setSpan(from: string, until: string, database: Database): Promise<void> {
  await database.setVariable('from_day', from);
  await database.setVariable('until_day', until);
}

async function* readShards(
  file: string,
  { shards, uri }: ShardedDataset,
  database: Database,
): AsyncGenerator<{ path: string; table: Table }> {
  const sql = await readSql(import.meta.url, file);
  for (const shard of shards) {
    const features = { shards: [shard], uri };
    await viewFeatures(features, database);
    await database.setVariable('etfs', shard.manifest.etfs ?? []);
    const table = await readArrowTable(sql, database).catch(throwReadError(features));
    yield { path: shard.path, table };
  }
}

/** Where no row is later than the as-of date, a later one is no way out. */
async function tooFew(
  features: ShardedDataset,
  asOf: string | null | undefined,
  before: string | null | undefined,
  what: string,
  database: Database,
): Promise<PermanentError> {
  await viewFeatures(features, database);
  await database.setVariable('as_of', asOf ?? '');
  const [later] = await database.rows("FROM features WHERE Date >= getvariable('as_of') LIMIT 1");
  return new PermanentError(
    `${features.uri}: no row${before ? ` before ${before}` : ''} ${what}; ${later ? 'give a later --as-of, or ingest more rows' : 'there are too few rows: ingest more'}`,
  );
}
