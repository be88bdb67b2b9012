import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Context } from './context.ts';
import { parquet } from './duckdb.ts';
import { InputError } from './errors.ts';
import { contentKey } from './key.ts';
import type { Check, Outcome } from './result.ts';
import type { Store } from './store.ts';

/** One shard to make. `key` is a hash of all that this shard's content depends on. */
export interface ShardPlan {
  index: number;
  key: string;
}

/** What shard-NN.json holds. Its presence says that the shard's other files are there. */
export interface ShardRecord {
  key: string;
  /** How many shards the dataset has. */
  shards: number;
  rows: number;
  /** The shard's files and their sizes; the Parquet file of the dataset comes first. */
  files: { name: string; bytes: number }[];
  checks: Check[];
  metrics: Record<string, number>;
}

/** What the maker of a shard says of it: its files in scratch, the Parquet file of the dataset first. */
export type ShardContent = Pick<ShardRecord, 'rows' | 'checks' | 'metrics'> & { paths: string[] };

export interface PublishedShards {
  key: string;
  /** Where the shards lie. */
  folder: string;
  status: 'done' | 'up_to_date';
  records: ShardRecord[];
}

/** `--shard i/n`: of n processes that share the work, the i-th, counted from 1. */
export interface Slice {
  i: number;
  n: number;
}

/** The shard in which all of a symbol's rows lie: the same on every machine. */
export function shardOf(symbol: string, shards: number): number {
  return createHash('sha256').update(symbol).digest().readUInt32LE(0) % shards;
}

/** `shard-03` */
export function shardName(index: number): string {
  return `shard-${String(index).padStart(2, '0')}`;
}

/**
 * Makes the shards of a dataset that are not there yet and publishes each one whole, under a key that follows from the
 * keys of all its shards. A shard that an older key already has is taken from there. When the last shard is there, the
 * dataset's `latest.json` names the key.
 * @param make writes one shard's files into the scratch folder and says what they hold
 */
export async function publishShards<Plan extends ShardPlan>(
  dataset: 'prices' | 'features',
  plans: Plan[],
  slice: Slice | undefined,
  { store, log, progress }: Context,
  make: (plan: Plan, scratch: string) => Promise<ShardContent>,
): Promise<PublishedShards> {
  const key = contentKey(plans.map((plan) => plan.key));
  const folder = `${dataset}/${key}`;
  const mine = slice ? plans.filter((_, position) => position % slice.n === slice.i - 1) : plans;
  const records: ShardRecord[] = [];
  let changed = false;
  progress.start(dataset, mine.length);
  try {
    for (const plan of mine) {
      const name = shardName(plan.index);
      let record = await readShard(folder, plan.index, store, plan.key);
      if (!record) {
        changed = true;
        record = (await reuseShard(dataset, folder, plan, store)) ?? (await makeShard(folder, plan));
        log.debug('shard published', { dataset, shard: name, rows: record.rows });
      }
      records.push(record);
      progress.advance();
    }
  } finally {
    progress.stop();
  }
  if (mine.length === plans.length || (await readShards(dataset, key, store)))
    await nameLatest(dataset, key, store);
  return { key, folder: store.locate(folder), status: changed ? 'done' : 'up_to_date', records };

  async function makeShard(folder: string, plan: Plan): Promise<ShardRecord> {
    await using scratch = await store.scratch();
    const { paths, ...made } = await make(plan, scratch.path);
    const failed = made.checks.find((check) => !check.passed);
    if (failed)
      throw new Error(
        `${dataset} ${shardName(plan.index)}: check ${failed.name} failed for ${failed.value} rows; nothing of it was published`,
      );
    const files: ShardRecord['files'] = [];
    for (const path of paths) {
      const name = `${folder}/${basename(path)}`;
      await store.publish(path, name);
      files.push({ name: basename(path), bytes: (await store.size(name)) ?? 0 });
    }
    const record: ShardRecord = { key: plan.key, shards: plans.length, files, ...made };
    await store.publishText(
      `${folder}/${shardName(plan.index)}.json`,
      `${JSON.stringify(record, null, 2)}\n`,
    );
    return record;
  }
}

/** A task's result, summed up over the shards that it made or found. */
export async function describeShards(
  dataset: 'prices' | 'features',
  { key, status, records, folder }: PublishedShards,
  { database }: Context,
): Promise<Omit<Outcome, 'inputs' | 'columnLineage'>> {
  const paths = records.map(({ files }) => `${folder}/${files[0]?.name}`);
  const columns = await database.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${parquet(...paths)}`,
  );
  return {
    status,
    outputs: [
      {
        name: dataset,
        uri: folder,
        format: 'parquet',
        key,
        rows: sum(records.map(({ rows }) => rows)),
        bytes: sum(records.map(({ files }) => files[0]?.bytes ?? 0)),
        columns: columns.map(({ column_name, column_type }) => ({ name: column_name, type: column_type })),
      },
    ],
    checks: sumChecks(records.flatMap(({ checks }) => checks)),
    metrics: sumMetrics(records.map(({ metrics }) => metrics)),
  };
}

/** A dataset of which every shard is there. */
export interface ShardedDataset {
  key: string;
  uri: string;
  /** In the order of their numbers. */
  shards: { index: number; path: string; record: ShardRecord }[];
  rows: number;
  bytes: number;
}

/**
 * Opens a whole dataset: of the given key, or the one that was made last.
 * @throws InputError when there is none, or a shard of it is missing
 */
export async function openDataset(
  dataset: 'prices' | 'features',
  key: string | undefined,
  maker: string,
  store: Store,
): Promise<ShardedDataset> {
  key ??= (await store.readJson<{ key: string }>(`${dataset}/latest.json`))?.key;
  if (!key)
    throw new InputError(
      `${store.locate(dataset)}: there are no ${dataset} in this store; run ${maker} first`,
    );
  const found = await readShards(dataset, key, store);
  if (!found)
    throw new InputError(
      `${store.locate(`${dataset}/${key}`)}: shards are missing; run ${maker} again, it makes just those`,
    );
  return found;
}

async function readShards(dataset: string, key: string, store: Store): Promise<ShardedDataset | undefined> {
  const folder = `${dataset}/${key}`;
  const shards: ShardedDataset['shards'] = [];
  for (const name of (await store.list(folder)).filter((name) => /^shard-\d+\.json$/.test(name))) {
    const index = Number(/\d+/.exec(name)?.[0]);
    const record = await readShard(folder, index, store);
    if (!record) return undefined;
    shards.push({ index, path: store.locate(`${folder}/${shardName(index)}.parquet`), record });
  }
  if (shards.length === 0 || shards.length !== shards[0]?.record.shards) return undefined;
  shards.sort((a, b) => a.index - b.index);
  return {
    key,
    uri: store.locate(folder),
    shards,
    rows: sum(shards.map(({ record }) => record.rows)),
    bytes: sum(shards.map(({ record }) => record.files[0]?.bytes ?? 0)),
  };
}

async function readShard(
  folder: string,
  index: number,
  store: Store,
  key?: string,
): Promise<ShardRecord | undefined> {
  const record = await store.readJson<ShardRecord>(`${folder}/${shardName(index)}.json`);
  if (!record || (key && record.key !== key)) return undefined;
  for (const { name, bytes } of record.files)
    if ((await store.size(`${folder}/${name}`)) !== bytes) return undefined;
  return record;
}

async function reuseShard(
  dataset: string,
  folder: string,
  { index, key }: ShardPlan,
  store: Store,
): Promise<ShardRecord | undefined> {
  for (const other of await store.list(dataset)) {
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

async function nameLatest(dataset: string, key: string, store: Store): Promise<void> {
  const name = `${dataset}/latest.json`;
  if ((await store.readJson<{ key: string }>(name))?.key !== key)
    await store.publishText(name, `${JSON.stringify({ key })}\n`);
}

function sumChecks(checks: Check[]): Check[] {
  const sums = new Map<string, Check>();
  for (const { name, passed, value } of checks) {
    const known = sums.get(name);
    sums.set(name, { name, passed: passed && (known?.passed ?? true), value: value + (known?.value ?? 0) });
  }
  return [...sums.values()];
}

function sumMetrics(all: Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const metrics of all)
    for (const [name, value] of Object.entries(metrics)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
