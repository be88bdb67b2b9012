import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Context } from '../context.ts';
import { runConcurrently } from '../lib/concurrency.ts';
import { contentKey } from '../lib/content-key.ts';
import type { Database } from '../lib/duckdb.ts';
import { assertChecksPass } from './checks.ts';
import { publishLatest } from './publish-latest.ts';
import type { Check } from './result.ts';
import {
  findDataset,
  findShard,
  listKeys,
  type ShardedDataset,
  type ShardManifest,
  type ShardPlan,
  shardName,
} from './shards.ts';
import type { Store } from './store.ts';

/** The shards that one process makes, as `--shard index/count` says; the index starts at 1. */
export interface ShardSubset {
  index: number;
  count: number;
}

/** What the maker of a shard says of it: its files in scratch, the Parquet file of the dataset first. */
export type ShardContent = Pick<
  ShardManifest,
  'rows' | 'nulls' | 'months' | 'lastDate' | 'etfs' | 'checks' | 'parameters' | 'metrics'
> & {
  paths: string[];
};

export interface PublishedShards {
  key: string;
  /** Where the shards lie. */
  folder: string;
  status: 'done' | 'up_to_date';
  manifests: ShardManifest[];
  /** Of all shards together; none until all are there. */
  checks: Check[];
}

/**
 * Makes the shards of a dataset that are not there yet and publishes each one whole, under a key that follows from the
 * keys of all its shards. A shard that an older key already has is taken from there. When the last shard is there, the
 * dataset's `latest.json` names the key.
 * Shards are made side by side, each by one thread, so that the bytes do not depend on how many threads there are.
 * @param make writes one shard's files into the scratch folder and says what they hold
 * @param review checks all shards together
 */
export async function publishShards<Plan extends ShardPlan>(
  dataset: 'prices' | 'features',
  plans: Plan[],
  subset: ShardSubset | undefined,
  { store, database, log, progress }: Context,
  make: (plan: Plan, scratch: string, database: Database) => Promise<ShardContent>,
  review: (whole: ShardedDataset) => Promise<Check[]>,
): Promise<PublishedShards> {
  const key = contentKey(plans.map((plan) => plan.key));
  const folder = `${dataset}/${key}`;
  const mine = subset ? plans.filter((_, position) => position % subset.count === subset.index - 1) : plans;
  const manifests: ShardManifest[] = [];
  let status: PublishedShards['status'] = 'up_to_date';
  progress.start(dataset, mine.length);
  try {
    await runConcurrently(mine, database, async (plan, lane) => {
      let manifest = await findShard(folder, plan.index, store, plan.key);
      if (!manifest) {
        status = 'done';
        manifest = await reuseShard(dataset, folder, plan, store);
      }
      if (!manifest) {
        await using scratch = await store.scratch();
        manifest = await publishShard(
          folder,
          plan,
          plans.length,
          await make(plan, scratch.path, lane),
          store,
        );
      }
      log.debug('shard is there', { folder, shard: plan.index, rows: manifest.rows });
      manifests[mine.indexOf(plan)] = manifest;
      progress.advance();
    });
  } finally {
    progress.stop();
  }
  const whole = await findDataset(dataset, key, store);
  if (!whole && !subset)
    throw new Error(`${store.locate(folder)}: shards went while they were made; run it again`);
  const checks = whole ? await publishLatest(dataset, whole, review, store) : [];
  return { key, folder: store.locate(folder), status, manifests, checks };
}

async function publishShard(
  folder: string,
  { index, key }: ShardPlan,
  shards: number,
  { paths, ...content }: ShardContent,
  store: Store,
): Promise<ShardManifest> {
  assertChecksPass(content.checks, `${folder}/${shardName(index)}`, 'nothing of the shard was published');
  const files: ShardManifest['files'] = [];
  for (const path of paths) {
    files.push({ name: basename(path), bytes: (await stat(path)).size });
    await store.publish(path, `${folder}/${basename(path)}`);
  }
  const manifest: ShardManifest = { key, shards, files, ...content };
  await store.publishText(`${folder}/${shardName(index)}.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function reuseShard(
  dataset: string,
  folder: string,
  { index, key }: ShardPlan,
  store: Store,
): Promise<ShardManifest | undefined> {
  for (const other of await listKeys(dataset, store)) {
    const manifest = await findShard(`${dataset}/${other}`, index, store, key);
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
