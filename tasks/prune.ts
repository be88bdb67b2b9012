import { stat } from 'node:fs/promises';
import type { Context } from './context.ts';
import { PermanentError } from './lib/errors.ts';
import { readChampion } from './store/champion.ts';
import type { Champion } from './store/champion-history.ts';
import { readOrigin } from './store/origins.ts';
import { madeByName } from './store/remake-command.ts';
import type { TaskResult } from './store/result.ts';
import { findDataset, listKeys } from './store/shards.ts';
import { findSnapshot } from './store/snapshots.ts';
import type { Store } from './store/store.ts';

const DATASETS = ['raw', 'prices', 'features'] as const;

/** An incomplete key that is newer than this may still be in work. */
const MIN_INCOMPLETE_AGE_MS = 3_600_000;

/**
 * Removes old keys of every dataset. It keeps the latest key, the newest complete ones up to `keep`
 * in all, and those that the model in service was made from. Models stay, since they are small.
 * @throws PermanentError when the model in service does not say what it was made from
 */
export async function prune({ keep }: { keep: number }, { store, log }: Context): Promise<TaskResult> {
  const inUse = await keysOfChampion(store);
  let removed = 0;
  for (const dataset of DATASETS) {
    const latest = (await store.readJson<{ key: string }>(`${dataset}/latest.json`))?.key;
    const keys = await keysByAge(dataset, store);
    const complete = keys.filter(({ isComplete }) => isComplete).map(({ key }) => key);
    const newest = [...(latest ? [latest] : []), ...complete.filter((key) => key !== latest)].slice(0, keep);
    for (const { key, isComplete, time } of keys) {
      const isInWork = !isComplete && time > Date.now() - MIN_INCOMPLETE_AGE_MS;
      if (newest.includes(key) || inUse.has(key) || isInWork) continue;
      await store.remove(`${dataset}/${key}`);
      await store.remove(madeByName(dataset, key));
      log.info('removed', { dataset, key });
      removed++;
    }
  }
  return {
    status: removed > 0 ? 'done' : 'up_to_date',
    inputs: [],
    outputs: [],
    columnLineage: {},
    checks: [],
    metrics: { removed },
  };
}

/** The keys of a dataset, the last modified one first. */
async function keysByAge(
  dataset: (typeof DATASETS)[number],
  store: Store,
): Promise<{ key: string; time: number; isComplete: boolean }[]> {
  const ages: { key: string; time: number; isComplete: boolean }[] = [];
  for (const key of await listKeys(dataset, store))
    ages.push({
      key,
      time: (await stat(store.locate(`${dataset}/${key}`))).mtimeMs,
      isComplete: await isComplete(dataset, key, store),
    });
  return ages.sort((a, b) => b.time - a.time);
}

/** Prices without rows do not count: ingest refused them. */
async function isComplete(dataset: (typeof DATASETS)[number], key: string, store: Store): Promise<boolean> {
  if (dataset === 'raw') return (await findSnapshot(key, store)) !== undefined;
  return ((await findDataset(dataset, key, store))?.rows ?? 0) > 0;
}

/**
 * The keys of the features, the prices and the download that the model in service was made from.
 */
async function keysOfChampion(store: Store): Promise<Set<string>> {
  if ((await store.size('model.bin')) === undefined) return new Set();
  const model = (await readChampion(store)).champion?.model;
  const features =
    model?.provenance.features_key ?? (await store.readJson<Champion>('champion.json'))?.features_key;
  if (!features)
    throw new PermanentError(
      `${store.locate('model.bin')} does not say what it was made from, so prune cannot know what to keep; run promote first`,
    );
  const prices = await readOrigin('features', features, 'prices', store);
  const raw = prices && (await readOrigin('prices', prices, 'raw', store));
  return new Set([features, prices, raw].filter((key) => key !== undefined));
}
