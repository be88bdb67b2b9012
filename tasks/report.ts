import type { Check } from './result.ts';
import type { ShardedDataset } from './shards.ts';

/** The checks of a dataset as a Markdown page, to lie beside the data. */
export function formatReport(
  dataset: string,
  { key, rows, shards }: ShardedDataset,
  checks: Check[],
): string {
  const lines = checks.map(
    (check) => `| ${check.name} | ${check.severity ?? 'fail'} | ${verdict(check)} | ${whole(check.value)} |`,
  );
  return `# ${dataset} ${key}

${whole(rows)} rows in ${shards.length} shards. A check that fails keeps the data from being published; one that warns does not.

| check | if broken | now | broken by |
|---|---|---|---:|
${lines.join('\n')}
`;
}

/** The checks as rows for a table on a terminal. */
export function checkRows(checks: Check[]): string[][] {
  const rows = checks.map((check) => [check.name, verdict(check), whole(check.value)]);
  return [['check', 'now', 'broken by'], ...rows];
}

function verdict({ passed, severity }: Check): string {
  if (passed) return 'passed';
  return severity === 'warn' ? 'warns' : 'failed';
}

function whole(number: number): string {
  return number.toLocaleString('en-US');
}
