import { formatCount } from '../lib/table.ts';
import type { Check } from './result.ts';
import { type ShardedDataset, sumCounts } from './shards.ts';

/** The summary of a dataset as a Markdown page: its checks, its NULLs, its rows by month. */
export function formatChecksSummary(
  dataset: string,
  { key, rows, shards }: ShardedDataset,
  checks: Check[],
): string {
  const nulls = Object.entries(sumCounts(shards.map(({ manifest }) => manifest.nulls)));
  const months = sumCounts(shards.map(({ manifest }) => manifest.months ?? {}));
  return `# ${dataset} ${key}

${formatCount(rows)} rows in ${shards.length} ${shards.length === 1 ? 'shard' : 'shards'}. A failed check keeps the data from being published. A warning does not.

| check | severity | result | violations | examples |
|---|---|---|---:|---|
${checks.map((check) => `| ${[check.name, check.severity, ...resultCells(check)].join(' | ')} |`).join('\n')}

## NULLs

| column | NULLs | share of rows |
|---|---:|---:|
${nulls.map(([column, count]) => `| ${column} | ${formatCount(count)} | ${((100 * count) / rows).toFixed(4)} % |`).join('\n')}
${Object.keys(months).length > 0 ? formatMonths(months) : ''}`;
}

/** The checks as a table for a terminal, the header first. */
export function checksTable(checks: Check[]): string[][] {
  const rows = checks.map((check) => [check.name, ...resultCells(check)]);
  return [['check', 'result', 'violations', 'examples'], ...rows];
}

const MONTHS = Array.from({ length: 12 }, (_, month) => String(month + 1).padStart(2, '0'));

/** The number of rows by month, a line per year. */
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

function resultCells({ passed, severity, value, examples = [] }: Check): string[] {
  const failure = severity === 'warn' ? 'warning' : 'failed';
  return [
    passed ? 'passed' : failure,
    value.toLocaleString('en-US'),
    // A symbol may hold what ends a cell in Markdown.
    examples.join(', ').replaceAll('|', '\\|').replaceAll('\n', '\\n'),
  ];
}
