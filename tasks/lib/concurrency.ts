import type { Database } from './duckdb.ts';

/**
 * Hands out the plans, in order, to as many connections as there are threads, and one more, which computes while another
 * waits for the disk. Stops handing out at the first error. Of several it throws that of the first plan: those before it
 * were handed out, too, so that it is the same however fast each was.
 */
export async function runConcurrently<Plan>(
  plans: Plan[],
  database: Database,
  work: (plan: Plan, database: Database) => Promise<void>,
): Promise<void> {
  await database.run('SET threads = 1');
  const errors = new Map<number, unknown>();
  const rest = plans.entries();
  const count = database.threads > 1 ? database.threads + 1 : 1;
  const lanes = Array.from({ length: Math.min(count, plans.length) }, async () => {
    await using lane = await database.connect();
    // With it on, a join lets go of small chunks late, out of their order.
    await lane.run('SET enable_caching_operators = false');
    for (const [index, plan] of rest) {
      if (errors.size === 0) await work(plan, lane).catch((error) => errors.set(index, error));
    }
  });
  await Promise.all(lanes);
  if (errors.size > 0) throw errors.get(Math.min(...errors.keys()));
}
