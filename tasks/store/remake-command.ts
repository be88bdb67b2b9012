import { runTaskCommand } from '../lib/run-task-command.ts';
import type { Store } from './store.ts';

/**
 * The task and the options that made the shards of a key. They are in the cache, since a source's
 * path differs between machines, but the content of a dataset does not.
 */
interface MadeBy {
  task: string;
  args: string[];
}

/** Records how a key was made. A later run replaces the record, since a source can have moved. */
export async function publishMadeBy(
  dataset: 'prices' | 'features',
  key: string,
  madeBy: MadeBy,
  store: Store,
): Promise<void> {
  const name = madeByName(dataset, key);
  const published = await store.readJson<MadeBy>(name).catch(() => undefined);
  if (JSON.stringify(published) !== JSON.stringify(madeBy))
    await store.publishText(name, `${JSON.stringify(madeBy)}\n`);
}

/** The command that makes the missing and the damaged shards of a key again. */
export async function remakeCommand(dataset: string, key: string, store: Store): Promise<string> {
  const madeBy = await store.readJson<MadeBy>(madeByName(dataset, key)).catch(() => undefined);
  const { task, args } = madeBy ?? { task: dataset === 'prices' ? 'ingest' : 'features', args: [] };
  return runTaskCommand(task, args, store.root);
}

/** The record of how a key was made. */
export function madeByName(dataset: string, key: string): string {
  return `cache/made-by/${dataset}-${key}.json`;
}
