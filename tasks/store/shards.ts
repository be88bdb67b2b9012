import { createHash } from 'node:crypto';
import { PermanentError } from '../lib/errors.ts';
import { crc32OfFile, isChecked } from './checksum.ts';
import { remakeCommand } from './remake-command.ts';
import type { Check } from './result.ts';
import type { Store } from './store.ts';

/** A shard to make. `key` is a hash of everything that its content depends on. */
export interface ShardPlan {
  index: number;
  key: string;
}

/**
 * The content of shard-NN.json, without the CRC-32 of these fields. It is published last: if it
 * exists, the shard's other files do, too.
 */
export interface ShardManifest {
  key: string;
  /** The number of shards of the dataset. */
  shards: number;
  rows: number;
  /** The files of the shard; the Parquet file of the dataset comes first. */
  files: { name: string; bytes: number; crc32: string }[];
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
  /** The command that makes missing and damaged shards again. */
  remake: string;
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
    `${store.locate(`${dataset}/${key}`)}: shards are missing or truncated: ${(await listIncompleteShards(`${dataset}/${key}`, store)).join(', ')}; make only these again: ${await remakeCommand(dataset, key, store)}`,
  );
}

/** The names of the shards that are missing or truncated; `all` where no record says which there are. */
async function listIncompleteShards(folder: string, store: Store): Promise<string[]> {
  let shards = 0;
  for (const name of await listManifests(folder, store))
    shards = (await readManifest(`${folder}/${name}`, store))?.shards ?? shards;
  const incomplete: string[] = [];
  for (let index = 0; index < shards; index++)
    if (!(await findShard(folder, index, store))) incomplete.push(shardName(index));
  return shards === 0 ? ['all'] : incomplete;
}

/**
 * Reads the Parquet files of shards, and compares their checksums.
 * @throws PermanentError that names the first damaged file and the command that makes it again
 */
export async function assertUndamaged({
  shards,
  remake,
}: Pick<ShardedDataset, 'shards' | 'remake'>): Promise<void> {
  for (const { path, manifest } of shards) {
    const damage = await findDamage(path, manifest.files[0]?.crc32);
    if (damage) throw new PermanentError(`${path} is damaged: ${damage}; make it again: ${remake}`);
  }
}

/**
 * The manifest of a shard as findShard() finds it; undefined also if a file of it is damaged.
 * @param onDamage receives the path of a damaged file, and what is wrong
 */
export async function findUndamagedShard(
  folder: string,
  index: number,
  store: Store,
  key: string | undefined,
  onDamage: (path: string, damage: string) => void,
): Promise<ShardManifest | undefined> {
  const manifest = await findShard(folder, index, store, key);
  for (const { name, crc32 } of manifest?.files ?? []) {
    const path = store.locate(`${folder}/${name}`);
    const damage = await findDamage(path, crc32);
    if (!damage) continue;
    onDamage(path, damage);
    return undefined;
  }
  return manifest;
}

/** What is wrong with the bytes of a file; undefined if its CRC-32 is the recorded one. */
async function findDamage(path: string, recorded: string | undefined): Promise<string | undefined> {
  const found = await crc32OfFile(path);
  return found === recorded ? undefined : `its CRC-32 is ${found}, but ${recorded} was recorded`;
}

/** Reads every file of a key. */
export async function verifyShards(
  folder: string,
  store: Store,
): Promise<{ missing: string[]; damaged: { name: string; damage: string }[] }> {
  const damaged: { name: string; damage: string }[] = [];
  for (const record of await listManifests(folder, store)) {
    const manifest = await findShard(folder, indexOf(record), store);
    for (const { name, crc32 } of manifest?.files ?? []) {
      const damage = await findDamage(store.locate(`${folder}/${name}`), crc32);
      if (damage) damaged.push({ name, damage });
    }
  }
  return { missing: await listIncompleteShards(folder, store), damaged };
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
    const index = indexOf(name);
    const manifest = await findShard(folder, index, store);
    if (!manifest) return undefined;
    shards.push({ index, path: store.locate(`${folder}/${shardName(index)}.parquet`), manifest });
  }
  if (shards.length === 0 || shards.length !== shards[0]?.manifest.shards) return undefined;
  shards.sort((a, b) => a.index - b.index);
  return {
    key,
    uri: store.locate(folder),
    remake: await remakeCommand(dataset, key, store),
    shards,
    rows: shards.reduce((rows, { manifest }) => rows + manifest.rows, 0),
    bytes: shards.reduce((bytes, { manifest }) => bytes + (manifest.files[0]?.bytes ?? 0), 0),
  };
}

function indexOf(manifestName: string): number {
  return Number(/\d+/.exec(manifestName)?.[0]);
}

async function listManifests(folder: string, store: Store): Promise<string[]> {
  return (await store.list(folder)).filter((name) => /^shard-\d+\.json$/.test(name));
}

/**
 * The manifest of a shard, or undefined if it is damaged, a file of the shard is missing or
 * truncated, or the key is another.
 */
export async function findShard(
  folder: string,
  index: number,
  store: Store,
  key?: string,
): Promise<ShardManifest | undefined> {
  const manifest = await readManifest(`${folder}/${shardName(index)}.json`, store);
  if (!manifest || (key && manifest.key !== key)) return undefined;
  for (const { name, bytes } of manifest.files)
    if ((await store.size(`${folder}/${name}`)) !== bytes) return undefined;
  return manifest;
}

/** A manifest; undefined if it is missing or damaged, or comes from a version without checksums. */
async function readManifest(name: string, store: Store): Promise<ShardManifest | undefined> {
  const manifest = await store.readJson<ShardManifest>(name).catch(() => undefined);
  return manifest && isChecked(manifest) ? manifest : undefined;
}
