import { stat } from 'node:fs/promises';
import type { Context } from './context.ts';
import { PermanentError } from './lib/errors.ts';
import { readChampion } from './store/champion.ts';
import type { Champion } from './store/champion-history.ts';
import type { TaskResult } from './store/result.ts';
import { findDataset, listKeys } from './store/shards.ts';
import { findSnapshot } from './store/snapshots.ts';
import type { Store } from './store/store.ts';

const DATASETS = ['raw', 'prices', 'features'] as const;

/** In milliseconds: a key without all of its shards that was written to since may be one that is being made. */
const AN_HOUR = 3_600_000;

/**
 * Removes old keys of every dataset. What stays: the newest `keep` of each that are whole, the latest, and all that the model
 * in service was made from. Models stay; they are small.
 */
export async function prune({ keep }: { keep: number }, { store, log }: Context): Promise<TaskResult> {
  const inUse = await keysOfChampion(store);
  let removed = 0;
  for (const dataset of DATASETS) {
    const latest = (await store.readJson<{ key: string }>(`${dataset}/latest.json`))?.key;
    const keys = await keysByAge(dataset, store);
    const whole = keys.filter(({ isWhole }) => isWhole).map(({ key }) => key);
    const newest = [...(latest ? [latest] : []), ...whole.filter((key) => key !== latest)].slice(0, keep);
    for (const { key, isWhole, time } of keys) {
      if (newest.includes(key) || inUse.has(key) || (!isWhole && time > Date.now() - AN_HOUR)) continue;
      await store.remove(`${dataset}/${key}`);
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

/** The keys of a dataset, the one that was written to last first, and whether they are whole. */
async function keysByAge(
  dataset: (typeof DATASETS)[number],
  store: Store,
): Promise<{ key: string; time: number; isWhole: boolean }[]> {
  const ages: { key: string; time: number; isWhole: boolean }[] = [];
  for (const key of await listKeys(dataset, store))
    ages.push({
      key,
      time: (await stat(store.locate(`${dataset}/${key}`))).mtimeMs,
      isWhole: await isWhole(dataset, key, store),
    });
  return ages.sort((a, b) => b.time - a.time);
}

/** A dataset without a row was refused when it was made. */
async function isWhole(dataset: (typeof DATASETS)[number], key: string, store: Store): Promise<boolean> {
  if (dataset === 'raw') return (await findSnapshot(key, store)) !== undefined;
  return ((await findDataset(dataset, key, store))?.rows ?? 0) > 0;
}

/**
 * The features that the model in service was trained on, the prices that those were made from, and the download behind them.
 * @throws PermanentError when nobody can tell
 */
async function keysOfChampion(store: Store): Promise<Set<string>> {
  if ((await store.size('model.bin')) === undefined) return new Set();
  const model = (await readChampion(store)).champion?.model;
  const features =
    model?.provenance.features_key ?? (await store.readJson<Champion>('champion.json'))?.features_key;
  if (!features)
    throw new PermanentError(
      `${store.locate('model.bin')}: does not say what it came from, so nobody can tell what to keep for it; run promote first`,
    );
  const originOf = async (name: string) => (await store.readJson<{ key: string }>(name))?.key;
  const prices = await originOf(`features/${features}/prices.json`);
  const raw = prices && (await originOf(`prices/${prices}/raw.json`));
  return new Set([features, prices, raw].filter((key) => key !== undefined));
}
