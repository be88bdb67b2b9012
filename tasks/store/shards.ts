import { createHash } from 'node:crypto';
import { QueryError } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { Check } from './result.ts';
import type { Store } from './store.ts';

/** One shard to make. `key` is a hash of all that this shard's content depends on. */
export interface ShardPlan {
  index: number;
  key: string;
}

/** What shard-NN.json holds. Its presence says that the shard's other files are there. */
export interface ShardManifest {
  key: string;
  /** How many shards the dataset has. */
  shards: number;
  rows: number;
  /** The shard's files and their sizes; the Parquet file of the dataset comes first. */
  files: { name: string; bytes: number }[];
  /** How many NULLs each column has. */
  nulls: Record<string, number>;
  checks: Check[];
  /** How many rows each month has, by YYYY-MM; of prices only. */
  months?: Record<string, number>;
  /** The last day of which there is a row, as YYYY-MM-DD; of prices only. */
  lastDate?: string;
  /** The symbols of the files in `etfs/`. */
  etfs: string[];
  /** The options that the content depends on. */
  parameters: Record<string, number>;
  metrics: Record<string, number>;
}

/** The shard in which all of a symbol's rows lie: the same on every machine. */
export function shardOf(symbol: string, shards: number): number {
  return createHash('sha256').update(symbol).digest().readUInt32LE(0) % shards;
}

/** `shard-03` */
export function shardName(index: number): string {
  return `shard-${String(index).padStart(2, '0')}`;
}

/** Counts by name, added up. */
export function sumCounts(all: Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** A dataset of which every shard is there. */
export interface ShardedDataset {
  key: string;
  uri: string;
  /** In the order of their numbers. */
  shards: { index: number; path: string; manifest: ShardManifest }[];
  rows: number;
  bytes: number;
}

/**
 * Opens a whole dataset: of the given key, or the one that was made last.
 * @throws PermanentError when there is none, or a shard of it is missing or cut short
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
      `${store.locate(`${dataset}/${key}`)}: is not there; run ${maker}, or give as --${dataset} one that is: ${keys.join(', ') || 'none'}`,
    );
  throw new PermanentError(
    `${store.locate(`${dataset}/${key}`)}: shards are missing or cut short: ${await nameBroken(`${dataset}/${key}`, store)}; run ${maker} again, it makes just those`,
  );
}

/** Which shards of a folder are not whole. */
async function nameBroken(folder: string, store: Store): Promise<string> {
  let shards = 0;
  for (const name of await listRecords(folder, store))
    shards = (await store.readJson<ShardManifest>(`${folder}/${name}`))?.shards ?? shards;
  const broken: string[] = [];
  for (let index = 0; index < shards; index++)
    if (!(await findShard(folder, index, store))) broken.push(shardName(index));
  return broken.join(', ') || 'all';
}

/** How DuckDB speaks of a Parquet file that it cannot read, and not what features.sql itself says. */
const DAMAGED =
  /^(?!.*a row left its place)((Invalid|Invalid Input|Serialization|Conversion) Error|.*(Parquet|TProtocol))/s;

/**
 * What to throw where a query over shards failed: an PermanentError where they are damaged, the cause itself otherwise.
 * @param folder of the dataset, of all keys
 */
export function shardReadError(where: string, folder: string, maker: string, cause: unknown): unknown {
  if (!(cause instanceof QueryError) || !DAMAGED.test(cause.message)) return cause;
  return new PermanentError(
    `${where}: is damaged; remove the folder ${folder}, of which other keys may share the file, and run ${maker} again`,
    { cause },
  );
}

/** The keys of a dataset, be they whole or not. */
export async function listKeys(dataset: string, store: Store): Promise<string[]> {
  return (await store.list(dataset)).filter((name) => /^[0-9a-f]{16}$/.test(name));
}

/** All shards of a key, or undefined where one is missing. */
export async function findDataset(
  dataset: string,
  key: string,
  store: Store,
): Promise<ShardedDataset | undefined> {
  const folder = `${dataset}/${key}`;
  const shards: ShardedDataset['shards'] = [];
  for (const name of await listRecords(folder, store)) {
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

/** The names of a folder's shard manifests. */
async function listRecords(folder: string, store: Store): Promise<string[]> {
  return (await store.list(folder)).filter((name) => /^shard-\d+\.json$/.test(name));
}

/** The manifest of a shard whose files are all there, or undefined. */
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
