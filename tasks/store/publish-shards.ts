import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Context } from '../context.ts';
import { contentKey } from '../lib/content-key.ts';
import type { Database } from '../lib/duckdb.ts';
import { inLanes } from '../lib/lanes.ts';
import { refuseBroken } from './checks.ts';
import { publishWhole } from './latest.ts';
import type { Check } from './result.ts';
import {
  listKeys,
  readShard,
  readShards,
  type ShardedDataset,
  type ShardPlan,
  type ShardRecord,
  shardName,
} from './shards.ts';
import type { Store } from './store.ts';

/** `--shard i/n`: of n processes that share the work, the i-th, counted from 1. */
export interface Slice {
  i: number;
  n: number;
}

/** What the maker of a shard says of it: its files in scratch, the Parquet file of the dataset first. */
export type ShardContent = Pick<
  ShardRecord,
  'rows' | 'nulls' | 'months' | 'lastDate' | 'etfs' | 'checks' | 'parameters' | 'metrics'
> & {
  paths: string[];
};

export interface PublishedShards {
  key: string;
  /** Where the shards lie. */
  folder: string;
  status: 'done' | 'up_to_date';
  records: ShardRecord[];
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
  slice: Slice | undefined,
  { store, database, log, progress }: Context,
  make: (plan: Plan, scratch: string, database: Database) => Promise<ShardContent>,
  review: (whole: ShardedDataset) => Promise<Check[]>,
): Promise<PublishedShards> {
  const key = contentKey(plans.map((plan) => plan.key));
  const folder = `${dataset}/${key}`;
  const mine = slice ? plans.filter((_, position) => position % slice.n === slice.i - 1) : plans;
  const records: ShardRecord[] = [];
  let status: PublishedShards['status'] = 'up_to_date';
  progress.start(dataset, mine.length);
  try {
    await inLanes(mine, database, async (plan, lane) => {
      let record = await readShard(folder, plan.index, store, plan.key);
      if (!record) {
        status = 'done';
        record = await reuseShard(dataset, folder, plan, store);
      }
      if (!record) {
        await using scratch = await store.scratch();
        record = await publishShard(folder, plan, plans.length, await make(plan, scratch.path, lane), store);
      }
      log.debug('shard is there', { folder, shard: plan.index, rows: record.rows });
      records[mine.indexOf(plan)] = record;
      progress.advance();
    });
  } finally {
    progress.stop();
  }
  const whole = await readShards(dataset, key, store);
  if (!whole && !slice)
    throw new Error(`${store.locate(folder)}: shards went while they were made; run it again`);
  const checks = whole ? await publishWhole(dataset, whole, review, store) : [];
  return { key, folder: store.locate(folder), status, records, checks };
}

async function publishShard(
  folder: string,
  { index, key }: ShardPlan,
  shards: number,
  { paths, ...content }: ShardContent,
  store: Store,
): Promise<ShardRecord> {
  refuseBroken(content.checks, `${folder}/${shardName(index)}`, 'nothing of the shard was published');
  const files: ShardRecord['files'] = [];
  for (const path of paths) {
    files.push({ name: basename(path), bytes: (await stat(path)).size });
    await store.publish(path, `${folder}/${basename(path)}`);
  }
  const record: ShardRecord = { key, shards, files, ...content };
  await store.publishText(`${folder}/${shardName(index)}.json`, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

async function reuseShard(
  dataset: string,
  folder: string,
  { index, key }: ShardPlan,
  store: Store,
): Promise<ShardRecord | undefined> {
  for (const other of await listKeys(dataset, store)) {
    const record = await readShard(`${dataset}/${other}`, index, store, key);
    if (!record) continue;
    for (const { name } of record.files)
      await store.publishAgain(`${dataset}/${other}/${name}`, `${folder}/${name}`);
    await store.publishAgain(
      `${dataset}/${other}/${shardName(index)}.json`,
      `${folder}/${shardName(index)}.json`,
    );
    return record;
  }
  return undefined;
}
