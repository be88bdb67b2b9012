import { formatCount } from '../lib/table.ts';
import type { Check } from './result.ts';
import { type ShardedDataset, sumCounts } from './shards.ts';

/** What is to be said of a dataset as a Markdown page, to lie beside the data: its checks, its NULLs, its rows by month. */
export function formatChecksSummary(
  dataset: string,
  { key, rows, shards }: ShardedDataset,
  checks: Check[],
): string {
  const manifests = shards.map(({ manifest }) => manifest);
  const nulls = Object.entries(sumCounts(manifests.map(({ nulls }) => nulls)));
  const months = sumCounts(manifests.map(({ months = {} }) => months));
  return `# ${dataset} ${key}

${formatCount(rows)} rows in ${shards.length} shards. A check that fails keeps the data from being published; one that warns does not.

| check | if broken | now | broken by | for example |
|---|---|---|---:|---|
${checks.map((check) => `| ${[check.name, check.severity, verdict(check), amountOf(check), examplesOf(check)].join(' | ')} |`).join('\n')}

## NULLs

| column | NULL | of all rows |
|---|---:|---:|
${nulls.map(([column, count]) => `| ${column} | ${formatCount(count)} | ${((100 * count) / rows).toFixed(4)} % |`).join('\n')}
${Object.keys(months).length > 0 ? formatMonths(months) : ''}`;
}

/** The checks as rows for a table on a terminal. */
export function checksTable(checks: Check[]): string[][] {
  const rows = checks.map((check) => [check.name, verdict(check), amountOf(check), examplesOf(check)]);
  return [['check', 'now', 'broken by', 'for example'], ...rows];
}

const MONTHS = Array.from({ length: 12 }, (_, month) => String(month + 1).padStart(2, '0'));

/** Rows by month, a line a year. */
function formatMonths(rows: Record<string, number>): string {
  const years = [...new Set(Object.keys(rows).map((month) => month.slice(0, 4)))].sort();
  const lines = years.map((year) => {
    const counts = MONTHS.map((month) => rows[`${year}-${month}`]);
    return `| ${[year, ...counts.map((count) => (count === undefined ? '' : formatCount(count)))].join(' | ')} |`;
  });
  return `
## Rows by month

| | ${MONTHS.join(' | ')} |
|---|${'---:|'.repeat(12)}
${lines.join('\n')}
`;
}

function verdict({ passed, severity }: Check): string {
  if (passed) return 'passed';
  return severity === 'warn' ? 'warns' : 'failed';
}

/** A count, or a ratio. */
function amountOf({ value }: Check): string {
  return value.toLocaleString('en-US');
}

/** Symbols may hold what Markdown takes for its own. */
function examplesOf({ examples = [] }: Check): string {
  return examples.join(', ').replaceAll('|', '\\|');
}
