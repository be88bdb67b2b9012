import type { Database } from './duckdb.ts';

/**
 * Hands out the plans, in order, to as many connections as there are threads, and one more, which computes while another
 * waits for the disk. Stops handing out at the first error.
 */
export async function inLanes<Plan>(
  plans: Plan[],
  database: Database,
  work: (plan: Plan, database: Database) => Promise<void>,
): Promise<void> {
  await database.run('SET threads = 1');
  const errors: unknown[] = [];
  const rest = plans.values();
  const count = database.threads > 1 ? database.threads + 1 : 1;
  const lanes = Array.from({ length: Math.min(count, plans.length) }, async () => {
    await using lane = await database.connect();
    // With it on, a join lets go of small chunks late, out of their order.
    await lane.run('SET enable_caching_operators = false');
    for (const plan of rest) {
      if (errors.length === 0) await work(plan, lane).catch((error) => errors.push(error));
    }
  });
  await Promise.all(lanes);
  if (errors.length > 0) throw errors[0];
}
