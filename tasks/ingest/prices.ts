import {
  type Database,
  parquet,
  QueryError,
  quotedIdentifier,
  quotedString,
  readSql,
} from '../lib/duckdb.ts';
import { countNulls, findFailedCheck, runChecks } from '../store/checks.ts';
import type { Check } from '../store/result.ts';
import { COLUMNS } from './bad-rows.ts';
import type { SourceFile } from './source.ts';

export type NamedFile = SourceFile & { securityName: string | null };

/** A file that DuckDB can open at its path. */
export type LocalFile = NamedFile & { path: string };

/** Says that rows are bad, but not yet which. */
export class BadInput extends Error {}

/** How DuckDB begins to speak of data, rather than of disks and memory. */
const DATA_ERROR = /^(Conversion|Invalid Input|Out of Range) Error/;

/** What was written, as it is found in the file. */
export interface Written {
  counts: { rows: number; symbols: number; null_rows: number; zero_volumes: number };
  /** Rows by month, YYYY-MM. */
  months: Record<string, number>;
  /** Undefined where there is no row. */
  lastDate: string | undefined;
  /** By column. */
  nulls: Record<string, number>;
  checks: Check[];
}

/** Writes the rows in the order of the files and sorts them only where that is not theirs. @throws BadInput */
export async function writePrices(
  files: LocalFile[],
  rows: number,
  path: string,
  database: Database,
): Promise<Written> {
  await database.createView('files', fileTable(files));
  await database.createView('csv', csvReader(files));
  await database.createView('expected', `SELECT ${rows} AS rows`);
  const prices = await readSql(import.meta.url, 'prices.sql');
  let written = await writeAndCheck(prices, path, database);
  if (written.checks.some(({ name, passed }) => name === 'rows_are_in_order' && !passed))
    written = await writeAndCheck(`SELECT * FROM (${prices}) ORDER BY Symbol, Date`, path, database);
  const broken = findFailedCheck(written.checks);
  if (broken) throw new BadInput(`check ${broken.name} is broken by ${broken.value}`);
  return written;
}

async function writeAndCheck(prices: string, path: string, database: Database): Promise<Written> {
  try {
    await database.copyToParquet(prices, path);
  } catch (error) {
    if (error instanceof QueryError && DATA_ERROR.test(error.message))
      throw new BadInput('DuckDB refused a row', { cause: error });
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

function fileTable(files: LocalFile[]): string {
  if (files.length === 0) return `SELECT '' AS path, '' AS symbol, '' AS security_name WHERE false`;
  const rows = files.map(
    ({ path, symbol, securityName }) =>
      `(${[path, symbol].map(quotedString).join()}, ${securityName === null ? 'NULL' : quotedString(securityName)})`,
  );
  const symbol = `CAST(symbol AS ${enumOf(files.map(({ symbol }) => symbol))})`;
  const name = `CAST(security_name AS ${enumOf(files.flatMap(({ securityName }) => securityName ?? []))})`;
  return `SELECT path, ${symbol} AS symbol, ${name} AS security_name FROM (VALUES ${rows.join()}) AS files(path, symbol, security_name)`;
}

/** A type of just these texts. Parquet has them as text all the same, and DuckDB need not hash them row by row to write them. */
function enumOf(texts: string[]): string {
  const different = [...new Set(texts)];
  return different.length > 0 ? `ENUM(${different.map(quotedString).join()})` : 'VARCHAR';
}

function csvReader(files: LocalFile[]): string {
  const types = COLUMNS.map(
    (column) => `${quotedString(column)}: '${column === 'Date' ? 'VARCHAR' : 'DOUBLE'}'`,
  );
  if (files.length === 0) {
    const columns = COLUMNS.map(
      (column) => `CAST(NULL AS ${column === 'Date' ? 'VARCHAR' : 'DOUBLE'}) AS ${quotedIdentifier(column)}`,
    );
    return `SELECT ${columns.join()}, '' AS filename WHERE false`;
  }
  const paths = files.map(({ path }) => quotedString(path));
  return `SELECT * FROM read_csv([${paths.join()}], columns = {${types.join()}}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', filename = true)`;
}
