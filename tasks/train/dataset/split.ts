import type { Context } from '../../context.ts';
import { type Database, readSql } from '../../lib/duckdb.ts';
import { PermanentError } from '../../lib/errors.ts';
import { viewFeatures } from '../../store/feature-rows.ts';
import type { ShardedDataset } from '../../store/shards.ts';

/** The share of the rows, the latest ones, that make up the validation block. */
const VALIDATION_SHARE = 0.1;

/**
 * The days that split the rows by time, each YYYY-MM-DD:
 *
 * training < validation_from <= calibration < measure_from <= measuring < as_of
 *
 * Each half of the validation block has one use, so that no row both calibrates and measures the
 * model.
 */
export interface Split {
  as_of: string;
  /** The day of the newest row before as_of. */
  newest_row: string;
  validation_from: string;
  measure_from: string;
}

/**
 * Finds where to split the rows with full windows before the as-of date.
 * @param asOf YYYY-MM-DD; the day after the last row before today, if not given
 * @throws PermanentError when there is no such row
 */
export async function findSplit(
  features: ShardedDataset,
  asOf: string | undefined,
  { database, today }: Context,
): Promise<Split> {
  await viewFeatures(features, database);
  await database.setVariable('as_of', asOf ?? '');
  await database.setVariable('today', today);
  await database.setVariable('validation_share', VALIDATION_SHARE);
  const [found] = await database.rows<{ [day in keyof Split]: string | null }>(
    await readSql(import.meta.url, 'split.sql'),
  );
  const { as_of, newest_row, validation_from, measure_from } = found ?? {};
  if (as_of && newest_row && validation_from && measure_from)
    return { as_of, newest_row, validation_from, measure_from };
  const end = as_of ?? today;
  throw await tooFewRows(features, end, `no row before ${end} has a full window`, database);
}

/** An error that suggests a later as-of date only where there are rows from the as-of date on. */
export async function tooFewRows(
  features: ShardedDataset,
  asOf: string,
  problem: string,
  database: Database,
): Promise<PermanentError> {
  await viewFeatures(features, database);
  await database.setVariable('as_of', asOf);
  const [later] = await database.rows("FROM features WHERE Date >= getvariable('as_of') LIMIT 1");
  const remedy = later ? 'give a later --as-of, or ingest more rows' : 'ingest more rows';
  return new PermanentError(`${features.uri}: ${problem}; ${remedy}`);
}
