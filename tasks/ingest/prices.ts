import {
  csv,
  type Database,
  parquet,
  QueryError,
  quotedIdentifier,
  quotedString,
  readSql,
} from '../lib/duckdb.ts';
import { countNulls, findFailedCheck, runChecks } from '../store/checks.ts';
import type { Check } from '../store/result.ts';
import { PRICE_COLUMNS } from './bad-rows.ts';
import { DUCKDB_CSV_OPTIONS } from './csv.ts';
import type { SourceFile } from './source-files.ts';

export type PriceFile = SourceFile & { securityName: string | null };

/** A price file that DuckDB can open at its path. */
export type LocalPriceFile = PriceFile & { path: string };

/** Some rows are bad. `findBadRows` finds out which. */
export class BadPricesError extends Error {}

/** How DuckDB's messages about data start. Other messages are about disks, memory and the like. */
const DATA_ERROR = /^(Conversion|Invalid Input|Out of Range) Error/;

/** What is in a Parquet file of prices, as read back from it. */
export interface WrittenPrices {
  counts: { rows: number; symbols: number; null_rows: number; zero_volumes: number };
  /** Rows by month, YYYY-MM. */
  months: Record<string, number>;
  /** Undefined if there are no rows. */
  lastDate: string | undefined;
  /** By column. */
  nulls: Record<string, number>;
  checks: Check[];
}

/**
 * Writes the rows of the files to one Parquet file. It sorts them only if the files are not sorted.
 * @param rows the number of rows in the files, for a check
 * @throws BadPricesError
 */
export async function writePrices(
  files: LocalPriceFile[],
  rows: number,
  path: string,
  database: Database,
): Promise<WrittenPrices> {
  await database.createView('files', selectFiles(files));
  await database.createView('csv', selectCsvRows(files));
  await database.createView('expected', `SELECT ${rows} AS rows`);
  const prices = await readSql(import.meta.url, 'prices.sql');
  let written = await writeAndCheck(prices, path, database);
  if (written.checks.some(({ name, passed }) => name === 'rows_are_in_order' && !passed))
    written = await writeAndCheck(`SELECT * FROM (${prices}) ORDER BY Symbol, Date`, path, database);
  const failed = findFailedCheck(written.checks);
  if (failed) throw new BadPricesError(`the check ${failed.name} fails: it counts ${failed.value}`);
  return written;
}

async function writeAndCheck(prices: string, path: string, database: Database): Promise<WrittenPrices> {
  try {
    await database.copyToParquet(prices, path);
  } catch (error) {
    if (error instanceof QueryError && DATA_ERROR.test(error.message))
      throw new BadPricesError('DuckDB cannot read a row', { cause: error });
    throw error;
  }
  await database.createView('prices', `SELECT * FROM ${parquet(path)}`);
  const counts = await readSql(import.meta.url, 'prices-counts.sql');
  await database.run(`CREATE OR REPLACE TEMP TABLE counts AS ${counts}`);
  const [dates] = await database.rows<{
    months: { month: string; rows: number }[] | null;
    last_date: string | null;
  }>('SELECT months, last_date FROM counts');
  return {
    counts: await database.row('SELECT rows, symbols, null_rows, zero_volumes FROM counts'),
    months: Object.fromEntries((dates?.months ?? []).map(({ month, rows }) => [month, rows])),
    lastDate: dates?.last_date ?? undefined,
    nulls: await countNulls(path, database),
    checks: await runChecks(await readSql(import.meta.url, 'prices-checks.sql'), database),
  };
}

/** The relation `files` of prices.sql. */
function selectFiles(files: LocalPriceFile[]): string {
  if (files.length === 0) return `SELECT '' AS path, '' AS symbol, '' AS security_name WHERE false`;
  const rows = files.map(
    ({ path, symbol, securityName }) =>
      `(${[path, symbol].map(quotedString).join()}, ${securityName === null ? 'NULL' : quotedString(securityName)})`,
  );
  const symbol = `CAST(symbol AS ${enumOf(files.map(({ symbol }) => symbol))})`;
  const name = `CAST(security_name AS ${enumOf(files.flatMap(({ securityName }) => securityName ?? []))})`;
  return `SELECT path, ${symbol} AS symbol, ${name} AS security_name FROM (VALUES ${rows.join()}) AS files(path, symbol, security_name)`;
}

/** An ENUM of these texts. Parquet stores strings, and DuckDB is spared hashing them row by row. */
function enumOf(texts: string[]): string {
  const distinct = [...new Set(texts)];
  return distinct.length > 0 ? `ENUM(${distinct.map(quotedString).join()})` : 'VARCHAR';
}

/** The relation `csv` of prices.sql. */
function selectCsvRows(files: LocalPriceFile[]): string {
  const typed = PRICE_COLUMNS.map((column) => ({ column, type: column === 'Date' ? 'VARCHAR' : 'DOUBLE' }));
  if (files.length === 0) {
    const columns = typed.map(({ column, type }) => `CAST(NULL AS ${type}) AS ${quotedIdentifier(column)}`);
    return `SELECT ${columns.join()}, '' AS filename WHERE false`;
  }
  const types = Object.fromEntries(typed.map(({ column, type }) => [column, type]));
  return `SELECT * FROM ${csv(
    files.map(({ path }) => path),
    types,
    DUCKDB_CSV_OPTIONS,
  )}`;
}
