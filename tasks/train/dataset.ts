import type { Table } from 'apache-arrow';
import { readTable } from '../arrow.ts';
import type { Context } from '../context.ts';
import { type Database, parquet, readSql } from '../duckdb.ts';
import { InputError } from '../errors.ts';
import type { ShardedDataset } from '../shards.ts';

/** About this share of the rows, the latest ones, validates. */
const VALIDATION_SHARE = 0.1;

/** Rows of each symbol that are left out before the validation block: at least these, and a window's. */
const EMBARGO = 30;

/** The days that part the rows: training < validationFrom <= validation < asOf, each written YYYY-MM-DD. */
export interface Split {
  asOf: string;
  validationFrom: string;
}

export interface Rows {
  /** The columns of training.sql. */
  training: Table;
  /** The columns of validation.sql. */
  validation: Table;
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
  await database.createView(
    'features',
    `SELECT * FROM ${parquet(...features.shards.map(({ path }) => path))}`,
  );
  await database.setVariable('as_of', asOf ?? '');
  await database.setVariable('validation_share', VALIDATION_SHARE);
  const [split] = await database.rows<{ as_of: string | null; validation_from: string | null }>(
    await readSql(import.meta.url, 'split.sql'),
  );
  if (!split?.as_of || !split.validation_from) throw tooFew(features, split?.as_of, 'has a full window');
  return { asOf: split.as_of, validationFrom: split.validation_from };
}

/** Reads the rows on both sides of the split. @throws InputError when none is left to train on */
export async function readRows(
  features: ShardedDataset,
  { asOf, validationFrom }: Split,
  { database }: Context,
): Promise<Rows> {
  await database.setVariable('as_of', asOf);
  await database.setVariable('validation_from', validationFrom);
  const embargo = Math.max(EMBARGO, ...features.shards.map(({ record }) => record.parameters.window ?? 0));
  await database.setVariable('embargo', embargo);
  const training = await readShards('training.sql', features, database);
  const validation = await readShards('validation.sql', features, database);
  if (training.numRows > 0) return { training, validation };
  throw tooFew(
    features,
    validationFrom,
    `is left to train on (validation begins there, after an embargo of ${embargo} rows)`,
  );
}

async function readShards(file: string, { shards }: ShardedDataset, database: Database): Promise<Table> {
  const sql = await readSql(import.meta.url, file);
  const tables: Table[] = [];
  for (const { path } of shards) {
    await database.createView('features', `SELECT * FROM ${parquet(path)}`);
    tables.push(await readTable(sql, database));
  }
  const [first, ...others] = tables as [Table, ...Table[]];
  return first.concat(...others);
}

function tooFew(features: ShardedDataset, before: string | null | undefined, what: string): InputError {
  return new InputError(
    `${features.uri}: no row${before ? ` before ${before}` : ''} ${what}; give a later --as-of, or ingest more rows`,
  );
}
