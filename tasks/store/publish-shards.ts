import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Context } from '../context.ts';
import { runConcurrently } from '../lib/concurrency.ts';
import { contentKey } from '../lib/content-key.ts';
import type { Database } from '../lib/duckdb.ts';
import { assertChecksPass } from './checks.ts';
import { crc32OfFile, toCheckedJson } from './checksum.ts';
import { publishLatest } from './publish-latest.ts';
import type { Check } from './result.ts';
import {
  findDataset,
  findUndamagedShard,
  listKeys,
  type ShardedDataset,
  type ShardManifest,
  type ShardPlan,
  shardName,
} from './shards.ts';
import type { Store } from './store.ts';

/**
 * Every count-th shard from the index-th on, as in `--shard index/count`; the index starts at 1.
 */
export interface ShardSubset {
  index: number;
  count: number;
}

/**
 * A shard that was made: what its manifest says, and its files in scratch, the Parquet file first.
 */
export type ShardContent = Pick<
  ShardManifest,
  'rows' | 'nulls' | 'months' | 'lastDate' | 'etfs' | 'checks' | 'parameters' | 'metrics'
> & {
  paths: string[];
};

export interface PublishedShards {
  key: string;
  /** The path of the shards. */
  folder: string;
  status: 'done' | 'up_to_date';
  manifests: ShardManifest[];
  /** Of the whole dataset; empty until all shards are there. */
  checks: Check[];
}

/**
 * Makes and publishes the missing and the damaged shards of a dataset. The key of the dataset is a
 * hash of the keys of all its shards. An undamaged shard that another key already has is taken from
 * there. Once the dataset is complete, its `latest.json` names the key. Shards are made
 * concurrently, but each by one thread, so that the bytes do not depend on the number of threads.
 * @param make writes the files of one shard into a scratch folder
 * @param review checks the complete dataset
 * @param maxShrink the share of the latest rows, and of their symbols, that the dataset may lack; 1, if not given
 * @throws PermanentError when a check fails
 */
export async function publishShards<Plan extends ShardPlan>(
  dataset: 'prices' | 'features',
  plans: Plan[],
  subset: ShardSubset | undefined,
  { store, database, log, progress }: Context,
  make: (plan: Plan, scratch: string, database: Database) => Promise<ShardContent>,
  review: (complete: ShardedDataset) => Promise<Check[]>,
  maxShrink?: number,
): Promise<PublishedShards> {
  const key = contentKey(plans.map((plan) => plan.key));
  const folder = `${dataset}/${key}`;
  const mine = subset ? plans.filter((_, position) => position % subset.count === subset.index - 1) : plans;
  const manifests: ShardManifest[] = [];
  let status: PublishedShards['status'] = 'up_to_date';
  const onDamage = (path: string, damage: string) =>
    log.warn(`${path} is damaged: ${damage}; it is not used`);
  progress.start(dataset, mine.length);
  try {
    await runConcurrently(mine, database, async (plan, connection) => {
      let manifest = await findUndamagedShard(folder, plan.index, store, plan.key, onDamage);
      if (!manifest) {
        status = 'done';
        manifest = await reuseShard(dataset, folder, plan, store, onDamage);
      }
      if (!manifest) {
        await using scratch = await store.scratch();
        manifest = await publishShard(
          folder,
          plan,
          plans.length,
          await make(plan, scratch.path, connection),
          store,
        );
      }
      log.debug('the shard is published', { folder, shard: plan.index, rows: manifest.rows });
      manifests[mine.indexOf(plan)] = manifest;
      progress.advance();
    });
  } finally {
    progress.stop();
  }
  const complete = await findDataset(dataset, key, store);
  if (!complete && !subset)
    throw new Error(`${store.locate(folder)}: shards were removed during the run; run the task again`);
  const checks = complete ? await publishLatest(dataset, complete, review, maxShrink, store) : [];
  return { key, folder: store.locate(folder), status, manifests, checks };
}

async function publishShard(
  folder: string,
  { index, key }: ShardPlan,
  shards: number,
  { paths, ...content }: ShardContent,
  store: Store,
): Promise<ShardManifest> {
  assertChecksPass(content.checks, `${folder}/${shardName(index)}`, 'the shard was not published');
  const files: ShardManifest['files'] = [];
  for (const path of paths) {
    files.push({ name: basename(path), bytes: (await stat(path)).size, crc32: await crc32OfFile(path) });
    await store.publish(path, `${folder}/${basename(path)}`);
  }
  const manifest: ShardManifest = { key, shards, files, ...content };
  await store.publishText(`${folder}/${shardName(index)}.json`, toCheckedJson(manifest));
  return manifest;
}

async function reuseShard(
  dataset: string,
  folder: string,
  { index, key }: ShardPlan,
  store: Store,
  onDamage: (path: string, damage: string) => void,
): Promise<ShardManifest | undefined> {
  for (const other of await listKeys(dataset, store)) {
    if (`${dataset}/${other}` === folder) continue;
    const manifest = await findUndamagedShard(`${dataset}/${other}`, index, store, key, onDamage);
    if (!manifest) continue;
    for (const { name } of manifest.files)
      await store.publishAgain(`${dataset}/${other}/${name}`, `${folder}/${name}`);
    await store.publishAgain(
      `${dataset}/${other}/${shardName(index)}.json`,
      `${folder}/${shardName(index)}.json`,
    );
    return manifest;
  }
  return undefined;
}
