import type { Database } from './duckdb.ts';
import type { Check } from './result.ts';

/** Runs a checks.sql: each of its rows names a promise, says how bad it is to break it, and counts what does. */
export async function runChecks(sql: string, database: Database): Promise<Check[]> {
  const rows = await database.rows<{ name: string; severity: 'fail' | 'warn'; value: number | bigint }>(sql);
  return rows.map(({ name, severity, value }) => countOf(name, severity, Number(value)));
}

/** A check that holds when nothing is counted. */
export function countOf(name: string, severity: 'fail' | 'warn', value: number): Check {
  return { name, severity, passed: value === 0, value };
}

/** The first check whose failure keeps data from being published, if any. */
export function findBroken(checks: Check[]): Check | undefined {
  return checks.find(({ severity, passed }) => severity !== 'warn' && !passed);
}
