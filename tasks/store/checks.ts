import { type Database, parquetMetadata } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { Check } from './result.ts';

/** A check names this many violations. */
export const MAX_EXAMPLES = 5;

/**
 * Runs a query whose rows are checks: the name, the severity, the number of violations, and
 * examples.
 */
export async function runChecks(sql: string, database: Database): Promise<Check[]> {
  const rows = await database.rows<{
    name: string;
    severity: 'fail' | 'warn';
    value: number | bigint;
    examples?: string[] | null;
  }>(sql);
  return rows.map(({ name, severity, value, examples }) =>
    checkCount(name, severity, Number(value), examples ?? []),
  );
}

/** A check that passes if the count of violations is 0. */
export function checkCount(
  name: string,
  severity: 'fail' | 'warn',
  value: number,
  examples: string[] = [],
): Check {
  const first = examples.toSorted().slice(0, MAX_EXAMPLES);
  return { name, severity, passed: value === 0, value, ...(first.length > 0 && { examples: first }) };
}

/** A check that passes if there are no violations. */
export function checkNone(name: string, severity: 'fail' | 'warn', violations: string[]): Check {
  return checkCount(name, severity, violations.length, violations);
}

/** The number of NULLs by column of a Parquet file, from its footer. */
export async function countNulls(path: string, database: Database): Promise<Record<string, number>> {
  const columns = await database.rows<{ name: string; nulls: number }>(
    `SELECT path_in_schema AS name, CAST(sum(stats_null_count) AS DOUBLE) AS nulls
     FROM ${parquetMetadata(path)} GROUP BY ALL ORDER BY min(column_id)`,
  );
  return Object.fromEntries(columns.map(({ name, nulls }) => [name, nulls]));
}

/** Adds up the checks of shards, by name. */
export function sumChecks(checks: Check[]): Check[] {
  return [...Map.groupBy(checks, ({ name }) => name)].map(([name, same]) =>
    checkCount(
      name,
      same.some(({ severity }) => severity === 'fail') ? 'fail' : 'warn',
      same.reduce((sum, { value }) => sum + value, 0),
      same.flatMap(({ examples = [] }) => examples),
    ),
  );
}

/** The first failed check that keeps data from being published. */
export function findFailedCheck(checks: Check[]): Check | undefined {
  return checks.find(({ severity, passed }) => severity === 'fail' && !passed);
}

/** @throws PermanentError when a check failed that keeps data from being published */
export function assertChecksPass(checks: Check[], name: string, consequence: string): void {
  const failed = findFailedCheck(checks);
  if (failed)
    throw new PermanentError(
      `${name}: the check ${failed.name} failed with ${failed.value} violations; ${consequence}`,
    );
}
