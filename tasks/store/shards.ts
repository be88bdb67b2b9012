import { createHash } from 'node:crypto';
import { QueryError } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { Check } from './result.ts';
import type { Store } from './store.ts';

/** A shard to make. `key` is a hash of everything that its content depends on. */
export interface ShardPlan {
  index: number;
  key: string;
}

/**
 * The content of shard-NN.json. It is published last: if it exists, the shard's other files do,
 * too.
 */
export interface ShardManifest {
  key: string;
  /** The number of shards of the dataset. */
  shards: number;
  rows: number;
  /** The files of the shard; the Parquet file of the dataset comes first. */
  files: { name: string; bytes: number }[];
  /** The number of NULLs by column. */
  nulls: Record<string, number>;
  checks: Check[];
  /** The number of rows by month, as YYYY-MM; only for prices. */
  months?: Record<string, number>;
  /** The day of the newest row, as YYYY-MM-DD; only for prices. */
  lastDate?: string;
  /** The symbols of the files in `etfs/`. */
  etfs: string[];
  /** The options that the content depends on. */
  parameters: Record<string, number>;
  metrics: Record<string, number>;
}

/** The index of the shard that holds all rows of a symbol: the same on every machine. */
export function shardOf(symbol: string, shards: number): number {
  return createHash('sha256').update(symbol).digest().readUInt32LE(0) % shards;
}

/** `shard-03` */
export function shardName(index: number): string {
  return `shard-${String(index).padStart(2, '0')}`;
}

/** Adds up counts by name. */
export function sumCounts(all: Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** A complete dataset: every shard is there. */
export interface ShardedDataset {
  key: string;
  uri: string;
  /** In order of their index. */
  shards: { index: number; path: string; manifest: ShardManifest }[];
  rows: number;
  bytes: number;
}

/**
 * Opens the dataset with a key, or the latest one.
 * @param maker the task that makes this dataset
 * @throws PermanentError when there is none, or a shard is missing or truncated
 */
export async function openDataset(
  dataset: 'prices' | 'features',
  key: string | undefined,
  maker: string,
  store: Store,
): Promise<ShardedDataset> {
  key ??= (await store.readJson<{ key: string }>(`${dataset}/latest.json`))?.key;
  if (!key)
    throw new PermanentError(
      `${store.locate(dataset)}: there are no ${dataset} in this store; run ${maker} first`,
    );
  const found = await findDataset(dataset, key, store);
  if (found) return found;
  const keys = await listKeys(dataset, store);
  if (!keys.includes(key))
    throw new PermanentError(
      `${store.locate(`${dataset}/${key}`)}: there is no such key; run ${maker}, or use --${dataset} with one of these keys: ${keys.join(', ') || 'none'}`,
    );
  throw new PermanentError(
    `${store.locate(`${dataset}/${key}`)}: shards are missing or truncated: ${await listIncompleteShards(`${dataset}/${key}`, store)}; run ${maker} again, which makes only these`,
  );
}

/** The names of the shards that are missing or truncated. */
async function listIncompleteShards(folder: string, store: Store): Promise<string> {
  let shards = 0;
  for (const name of await listManifests(folder, store))
    shards = (await store.readJson<ShardManifest>(`${folder}/${name}`))?.shards ?? shards;
  const incomplete: string[] = [];
  for (let index = 0; index < shards; index++)
    if (!(await findShard(folder, index, store))) incomplete.push(shardName(index));
  return incomplete.join(', ') || 'all';
}

/**
 * DuckDB's messages about a Parquet file that it cannot read, but not "rows are out of place", which
 * features.sql raises.
 */
const DAMAGED =
  /^(?!.*rows are out of place)((Invalid|Invalid Input|Serialization|Conversion) Error|.*(Parquet|TProtocol))/s;

/**
 * The error to throw when a query over shards fails: a PermanentError if they are damaged, else the
 * cause itself.
 * @param where the shard, or the dataset, that is read
 * @param folder of the dataset with all of its keys
 * @param maker the task that makes this dataset
 */
export function shardReadError(where: string, folder: string, maker: string, cause: unknown): unknown {
  if (!(cause instanceof QueryError) || !DAMAGED.test(cause.message)) return cause;
  return new PermanentError(
    `${where} is damaged; remove the folder ${folder}, since other keys may share the file, and run ${maker} again`,
    { cause },
  );
}

/** The keys of a dataset, complete or not. */
export async function listKeys(dataset: string, store: Store): Promise<string[]> {
  return (await store.list(dataset)).filter((name) => /^[0-9a-f]{16}$/.test(name));
}

/** The dataset with a key, or undefined if a shard is missing or truncated. */
export async function findDataset(
  dataset: string,
  key: string,
  store: Store,
): Promise<ShardedDataset | undefined> {
  const folder = `${dataset}/${key}`;
  const shards: ShardedDataset['shards'] = [];
  for (const name of await listManifests(folder, store)) {
    const index = Number(/\d+/.exec(name)?.[0]);
    const manifest = await findShard(folder, index, store);
    if (!manifest) return undefined;
    shards.push({ index, path: store.locate(`${folder}/${shardName(index)}.parquet`), manifest });
  }
  if (shards.length === 0 || shards.length !== shards[0]?.manifest.shards) return undefined;
  shards.sort((a, b) => a.index - b.index);
  return {
    key,
    uri: store.locate(folder),
    shards,
    rows: shards.reduce((rows, { manifest }) => rows + manifest.rows, 0),
    bytes: shards.reduce((bytes, { manifest }) => bytes + (manifest.files[0]?.bytes ?? 0), 0),
  };
}

async function listManifests(folder: string, store: Store): Promise<string[]> {
  return (await store.list(folder)).filter((name) => /^shard-\d+\.json$/.test(name));
}

/**
 * The manifest of a shard, or undefined if a file of the shard is missing or truncated, or the key
 * is another.
 */
export async function findShard(
  folder: string,
  index: number,
  store: Store,
  key?: string,
): Promise<ShardManifest | undefined> {
  const manifest = await store.readJson<ShardManifest>(`${folder}/${shardName(index)}.json`);
  if (!manifest || (key && manifest.key !== key)) return undefined;
  for (const { name, bytes } of manifest.files)
    if ((await store.size(`${folder}/${name}`)) !== bytes) return undefined;
  return manifest;
}
