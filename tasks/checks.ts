import type { Database } from './duckdb.ts';
import type { Check } from './result.ts';

/** Runs a checks.sql: each of its rows names a promise and counts what breaks it. */
export async function runChecks(sql: string, database: Database): Promise<Check[]> {
  const rows = await database.rows<{ name: string; value: number | bigint }>(sql);
  return rows.map(({ name, value }) => ({ name, passed: Number(value) === 0, value: Number(value) }));
}
