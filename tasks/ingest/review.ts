import { countOf } from '../checks.ts';
import type { Check } from '../result.ts';
import type { ShardRecord } from '../shards.ts';
import type { NamedFile } from './prices.ts';

/** What must hold for all shards of prices together, before the whole is published. `today` is YYYY-MM-DD. */
export function reviewPrices(
  records: ShardRecord[],
  files: NamedFile[],
  names: Map<string, string>,
  today: string,
): Check[] {
  const sum = (metric: string) => records.reduce((total, { metrics }) => total + (metrics[metric] ?? 0), 0);
  const rows = records.reduce((total, record) => total + record.rows, 0);
  const symbols = new Set(files.map(({ symbol }) => symbol));
  return [
    countOf(
      'every_file_is_accounted_for',
      'fail',
      Math.abs(files.length - sum('files')) + Math.abs(sum('files_with_rows') - sum('symbols')),
    ),
    countOf('every_row_is_accounted_for', 'fail', Math.abs(sum('rows_in') - rows - sum('rows_quarantined'))),
    countOf('symbol_has_a_name', 'warn', files.filter(({ securityName }) => securityName === null).length),
    countOf('named_symbol_has_a_file', 'warn', [...names.keys()].filter((name) => !symbols.has(name)).length),
    countOf(
      'date_is_not_in_the_future',
      'warn',
      records.filter(({ lastDate = '' }) => lastDate > today).length,
    ),
    countOf('month_has_rows', 'warn', countMissingMonths(records.flatMap(({ months = [] }) => months))),
  ];
}

/** Months between the first and the last that are not among them; each is written YYYY-MM. */
function countMissingMonths(months: string[]): number {
  const known = new Set(months.map(monthNumber));
  if (known.size === 0) return 0;
  return Math.max(...known) - Math.min(...known) + 1 - known.size;
}

function monthNumber(month: string): number {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return 12 * year + number;
}
