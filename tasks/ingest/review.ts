import { type Database, parquet, quotedString } from '../lib/duckdb.ts';
import { checkCount, checkNone } from '../store/checks.ts';
import type { Check } from '../store/result.ts';
import { type ShardedDataset, type ShardManifest, sumCounts } from '../store/shards.ts';
import type { NamedFile } from './prices.ts';

/** Of a column's values, before a warning. The real set lacks 683 rows in 28 million. */
const MOST_NULLS = 0.01;

/** What the prices were made from. */
interface Sources {
  files: NamedFile[];
  /** CSV files that lie where none of the set does. */
  passedOver: string[];
  /** How many CSV files the source has, the metadata and those that are passed over included. */
  csvFiles: number;
  names: Map<string, string>;
}

/**
 * What must hold for all shards of prices together, before the whole is published.
 * @param toCome how many rows there are of each day that is yet to come
 */
export function reviewPrices(
  manifests: ShardManifest[],
  { files, passedOver, csvFiles, names }: Sources,
  toCome: Map<string, number>,
): Check[] {
  const rows = manifests.reduce((total, manifest) => total + manifest.rows, 0);
  const metrics = sumCounts(manifests.map(({ metrics }) => metrics));
  const of = (metric: string) => metrics[metric] ?? 0;
  const symbols = new Set(files.map(({ symbol }) => symbol));
  const nulls = Object.entries(sumCounts(manifests.map(({ nulls }) => nulls)));
  const months = sumCounts(manifests.map(({ months = {} }) => months));
  return [
    checkCount(
      'every_file_is_accounted_for',
      'fail',
      // One is the metadata.
      Math.abs(csvFiles - passedOver.length - 1 - of('files')) +
        manifests.reduce((sum, { metrics }) => sum + symbolsLost(metrics), 0),
    ),
    checkCount('every_row_is_accounted_for', 'fail', Math.abs(of('rows_in') - rows - of('rows_quarantined'))),
    checkNone('csv_file_lies_where_it_is_read', 'warn', passedOver),
    checkCount('file_has_rows', 'warn', Math.max(of('files') - of('files_with_rows'), 0)),
    checkCount('row_is_not_set_aside', 'warn', of('rows_quarantined')),
    checkNone(
      'symbol_has_a_name',
      'warn',
      files.filter(({ securityName }) => securityName === null).map(({ symbol }) => symbol),
    ),
    checkNone(
      'named_symbol_has_a_file',
      'warn',
      [...names.keys()].filter((name) => !symbols.has(name)),
    ),
    checkNone(
      'column_is_nearly_never_null',
      'warn',
      nulls.filter(([, count]) => count > MOST_NULLS * rows).map(([column]) => column),
    ),
    checkCount(
      'date_is_not_in_the_future',
      'warn',
      toCome.values().reduce((sum, rows) => sum + rows, 0),
      [...toCome.keys()],
    ),
    checkNone('month_has_rows', 'warn', findMissingMonths(Object.keys(months))),
    checkNone('month_is_no_gap', 'warn', findGaps(months)),
  ];
}

/** How many rows there are of each day after today, by YYYY-MM-DD. Only shards that end after it are looked into. */
export async function countRowsToCome(
  shards: ShardedDataset['shards'],
  today: string,
  database: Database,
): Promise<Map<string, number>> {
  const late = shards.filter(({ manifest }) => (manifest.lastDate ?? '') > today).map(({ path }) => path);
  if (late.length === 0) return new Map();
  const days = await database.rows<{ date: string; rows: number }>(
    `SELECT Date AS date, CAST(count(*) AS DOUBLE) AS rows FROM ${parquet(...late)} WHERE Date > ${quotedString(today)} GROUP BY Date`,
  );
  return new Map(days.map(({ date, rows }) => [date, rows]));
}

/** How many files with rows came out under no symbol of their own. */
function symbolsLost({ files_with_rows = 0, symbols = 0 }: ShardManifest['metrics']): number {
  return Math.abs(files_with_rows - symbols);
}

/** Months between the first and the last that are not among them; each is written YYYY-MM. */
function findMissingMonths(months: string[]): string[] {
  const known = new Set(months.map(numberOf));
  const missing: string[] = [];
  for (let number = Math.min(...known); number < Math.max(...known); number++)
    if (!known.has(number))
      missing.push(
        `${String(Math.floor(number / 12)).padStart(4, '0')}-${String((number % 12) + 1).padStart(2, '0')}`,
      );
  return missing;
}

/** Months counted through. */
function numberOf(month: string): number {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return 12 * year + number - 1;
}

/** Months with less than half the rows that the months before and after have on average. The first and the last may be cut off. */
function findGaps(rows: Record<string, number>): string[] {
  return Object.keys(rows)
    .sort()
    .filter((month, index, months) => {
      const [before, after] = [rows[months[index - 1] ?? ''], rows[months[index + 1] ?? '']];
      return before !== undefined && after !== undefined && 4 * (rows[month] as number) < before + after;
    });
}
