import { type Database, quotedString } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { Check } from './result.ts';

/** So many of what breaks a check are named. */
const MOST_EXAMPLES = 5;

/** Runs a checks.sql: each of its rows names a promise, says how bad it is to break it, and counts and names what does. */
export async function runChecks(sql: string, database: Database): Promise<Check[]> {
  const rows = await database.rows<{
    name: string;
    severity: 'fail' | 'warn';
    value: number | bigint;
    examples?: string[] | null;
  }>(sql);
  return rows.map(({ name, severity, value, examples }) =>
    checkIsZero(name, severity, Number(value), examples ?? []),
  );
}

/** A check that holds when nothing is counted. */
export function checkIsZero(
  name: string,
  severity: 'fail' | 'warn',
  value: number,
  examples: string[] = [],
): Check {
  const first = examples.toSorted().slice(0, MOST_EXAMPLES);
  return { name, severity, passed: value === 0, value, ...(first.length > 0 && { examples: first }) };
}

/** A check that holds when nothing is found. */
export function checkIsEmpty(name: string, severity: 'fail' | 'warn', found: string[]): Check {
  return checkIsZero(name, severity, found.length, found);
}

/** How many NULLs each column of a Parquet file has, as its footer says. */
export async function countNulls(path: string, database: Database): Promise<Record<string, number>> {
  const columns = await database.rows<{ name: string; nulls: number }>(
    `SELECT path_in_schema AS name, CAST(sum(stats_null_count) AS DOUBLE) AS nulls
     FROM parquet_metadata(${quotedString(path)}) GROUP BY ALL ORDER BY min(column_id)`,
  );
  return Object.fromEntries(columns.map(({ name, nulls }) => [name, nulls]));
}

/** The checks of many shards as checks of them all. */
export function sumChecks(checks: Check[]): Check[] {
  return [...Map.groupBy(checks, ({ name }) => name)].map(([name, same]) =>
    checkIsZero(
      name,
      same.some(({ severity }) => severity === 'fail') ? 'fail' : 'warn',
      same.reduce((sum, { value }) => sum + value, 0),
      same.flatMap(({ examples = [] }) => examples),
    ),
  );
}

/** The first check whose failure keeps data from being published, if any. */
export function findFailedCheck(checks: Check[]): Check | undefined {
  return checks.find(({ severity, passed }) => severity === 'fail' && !passed);
}

/** @throws PermanentError at the first check whose failure keeps data from being published */
export function assertChecksPass(checks: Check[], name: string, consequence: string): void {
  const broken = findFailedCheck(checks);
  if (broken)
    throw new PermanentError(
      `${name}: the check ${broken.name} is broken by ${broken.value}; ${consequence}`,
    );
}
