import type { Database } from './duckdb.ts';

/**
 * Runs `work` for each item, in order, on as many connections as there are threads. One more
 * connection computes while another waits for the disk. After the first error no more work starts.
 * Of several errors it throws that of the first item, so that the error does not depend on timing.
 */
export async function runConcurrently<Item>(
  items: Item[],
  database: Database,
  work: (item: Item, connection: Database) => Promise<void>,
): Promise<void> {
  await database.run('SET threads = 1');
  const errors = new Map<number, unknown>();
  const rest = items.entries();
  const count = database.threads > 1 ? database.threads + 1 : 1;
  const workers = Array.from({ length: Math.min(count, items.length) }, async () => {
    await using connection = await database.connect();
    // With caching operators a join emits small chunks late, out of order.
    await connection.run('SET enable_caching_operators = false');
    for (const [index, item] of rest) {
      if (errors.size === 0) await work(item, connection).catch((error) => errors.set(index, error));
    }
  });
  await Promise.all(workers);
  if (errors.size > 0) throw errors.get(Math.min(...errors.keys()));
}
