import { type Database, parquet, quotedString } from '../lib/duckdb.ts';
import { checkCount, checkNone, MAX_EXAMPLES } from '../store/checks.ts';
import type { Check } from '../store/result.ts';
import { assertUndamaged, type ShardedDataset, type ShardManifest, sumCounts } from '../store/shards.ts';
import type { PriceFile } from './prices.ts';
import type { Source } from './source-files.ts';

/** The share of NULLs in a column that needs a warning. The real set has 683 in 28 million rows. */
const MAX_NULL_SHARE = 0.01;

/** Rows of dates after today: their number, and symbol and date of the first ones. */
interface FutureRows {
  rows: number;
  examples: string[];
}

/** What the prices were made from. */
interface PriceSources
  extends Pick<Source, 'ignoredCsvFiles' | 'ignoredFiles' | 'systemFileCount' | 'entryCount'> {
  files: PriceFile[];
  /** Security names by symbol. */
  names: Map<string, string>;
}

/**
 * Checks all shards of prices together, before they are published.
 * @param futureRows the rows of dates after today
 */
export function checkPricesDataset(
  manifests: ShardManifest[],
  sources: PriceSources,
  futureRows: FutureRows,
): Check[] {
  const rows = manifests.reduce((total, manifest) => total + manifest.rows, 0);
  const metrics = sumCounts(manifests.map(({ metrics }) => metrics));
  const months = sumCounts(manifests.map(({ months = {} }) => months));
  const { files = 0, files_with_rows = 0, rows_in = 0, rows_quarantined = 0 } = metrics;
  return [
    checkCount('every_file_is_accounted_for', 'fail', countLostFiles(manifests, sources, files)),
    checkCount('every_row_is_accounted_for', 'fail', Math.abs(rows_in - rows - rows_quarantined)),
    checkNone('csv_file_is_in_stocks_or_etfs', 'warn', sources.ignoredCsvFiles),
    checkNone('file_is_read', 'warn', sources.ignoredFiles),
    checkCount('file_has_rows', 'warn', Math.max(files - files_with_rows, 0)),
    checkCount('row_is_not_quarantined', 'warn', rows_quarantined),
    ...checkNames(sources),
    checkNone('column_has_few_nulls', 'warn', findColumnsOfManyNulls(manifests, rows)),
    checkCount('date_is_not_in_the_future', 'warn', futureRows.rows, futureRows.examples),
    checkNone('month_has_rows', 'warn', findMissingMonths(Object.keys(months))),
    checkNone('month_has_enough_rows', 'warn', findSparseMonths(months)),
  ];
}

/** Counts the rows of dates after today. Reads only shards that end after today. */
export async function countFutureRows(
  { shards, remake }: ShardedDataset,
  today: string,
  database: Database,
): Promise<FutureRows> {
  const late = shards.filter(({ manifest }) => (manifest.lastDate ?? '') > today);
  const paths = late.map(({ path }) => path);
  await assertUndamaged({ shards: late, remake });
  if (paths.length === 0) return { rows: 0, examples: [] };
  const [counted] = await database.rows<{ rows: bigint; examples: string[] | null }>(
    `SELECT count(*) AS rows, min(Symbol || ' ' || Date, ${MAX_EXAMPLES}) AS examples FROM ${parquet(...paths)} WHERE Date > ${quotedString(today)}`,
  );
  return { rows: Number(counted?.rows), examples: counted?.examples ?? [] };
}

/** Files that were neither read nor reported, and files with rows that gave no symbol. */
function countLostFiles(
  manifests: ShardManifest[],
  { ignoredCsvFiles, ignoredFiles, systemFileCount, entryCount }: PriceSources,
  filesRead: number,
): number {
  // One file is the metadata.
  const known = filesRead + 1 + ignoredCsvFiles.length + ignoredFiles.length + systemFileCount;
  const unread = Math.abs(entryCount - known);
  return manifests.reduce((sum, { metrics: { files_with_rows = 0, symbols = 0 } }) => {
    return sum + Math.abs(files_with_rows - symbols);
  }, unread);
}

function checkNames({ files, names }: PriceSources): Check[] {
  const symbols = new Set(files.map(({ symbol }) => symbol));
  const unnamed = files.filter(({ securityName }) => securityName === null).map(({ symbol }) => symbol);
  return [
    checkNone('symbol_has_a_name', 'warn', unnamed),
    checkNone(
      'named_symbol_has_a_file',
      'warn',
      [...names.keys()].filter((symbol) => !symbols.has(symbol)),
    ),
  ];
}

function findColumnsOfManyNulls(manifests: ShardManifest[], rows: number): string[] {
  return Object.entries(sumCounts(manifests.map(({ nulls }) => nulls)))
    .filter(([, nulls]) => nulls > MAX_NULL_SHARE * rows)
    .map(([column]) => column);
}

/** The months, written YYYY-MM, that are missing between the first and the last. */
function findMissingMonths(months: string[]): string[] {
  const present = new Set(months.map(monthNumber));
  const missing: string[] = [];
  for (let number = Math.min(...present); number < Math.max(...present); number++)
    if (!present.has(number))
      missing.push(
        `${String(Math.floor(number / 12)).padStart(4, '0')}-${String((number % 12) + 1).padStart(2, '0')}`,
      );
  return missing;
}

/** Months since the year 0. */
function monthNumber(month: string): number {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return 12 * year + number - 1;
}

/**
 * Months with less than half the mean of the months before and after. The first and last can be
 * incomplete.
 */
function findSparseMonths(rows: Record<string, number>): string[] {
  return Object.keys(rows)
    .sort()
    .filter((month, index, months) => {
      const [before, after] = [rows[months[index - 1] ?? ''], rows[months[index + 1] ?? '']];
      return before !== undefined && after !== undefined && 4 * (rows[month] as number) < before + after;
    });
}
