import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PermanentError } from '../lib/errors.ts';
import { archiveName, latestSnapshot } from './snapshots.ts';
import type { Store } from './store.ts';

/** What a store is made from. */
const RECORD = 'source.json';

const DOWNLOAD = 'download';
const SAMPLE = 'sample';

/** The files that ingest reads. */
export interface ChosenSource {
  /** A folder or a zip. */
  source: string;
  /** The key of the snapshot, if the source was downloaded. */
  snapshot?: string | undefined;
  /** How the store records it: an absolute path, `download` or `sample`. */
  record: string;
}

/**
 * The named source, or else the one that the store is made from. Only an empty store gets the
 * sample that nobody named.
 * @param named the path of --source, if it is given
 * @param sample the path of the bundled sample
 * @throws PermanentError if the recorded source is gone, or a store with data has no record
 */
export async function chooseSource(
  named: string | undefined,
  sample: string,
  store: Store,
): Promise<ChosenSource> {
  if (named) {
    const source = resolve(named);
    return { source, record: (await isCopy(source, sample)) ? SAMPLE : source };
  }
  const record = await readRecord(store);
  const snapshot = await latestSnapshot(store);
  if (snapshot && (!record || record === DOWNLOAD))
    return { source: store.locate(archiveName(snapshot.key)), snapshot: snapshot.key, record: DOWNLOAD };
  if (record === DOWNLOAD)
    throw new PermanentError(
      `${store.root}: this store is made from a download, which is gone. Run download again, or give --source.`,
    );
  if (!record && !(await isEmpty(store)))
    throw new PermanentError(
      `${store.root}: there is no record of what this store is made from. Give --source.`,
    );
  if (!record || record === SAMPLE) return { source: sample, record: SAMPLE };
  if (!existsSync(record))
    throw new PermanentError(
      `${record}: ${store.root} is made from this file or folder, which is gone. Put it back, or give --source.`,
    );
  return { source: record, record };
}

/** Records what ingest is about to read, if the store is empty and the source exists. */
export async function recordFirstSource({ source, record }: ChosenSource, store: Store): Promise<void> {
  if (existsSync(source) && (await isEmpty(store)) && !(await readRecord(store)))
    await writeRecord(record, store);
}

/** Records the source of the prices with this key, if they are the latest. */
export async function recordSourceOf(
  key: string | undefined,
  { record }: ChosenSource,
  store: Store,
): Promise<void> {
  if ((await store.readJson<{ key: string }>('prices/latest.json'))?.key === key)
    await writeRecord(record, store);
}

/** Records that the next ingest reads the latest download. */
export async function recordDownload(store: Store): Promise<void> {
  await writeRecord(DOWNLOAD, store);
}

async function readRecord(store: Store): Promise<string | undefined> {
  return (await store.readJson<{ source: string }>(RECORD))?.source;
}

async function writeRecord(record: string, store: Store): Promise<void> {
  if ((await readRecord(store)) !== record)
    await store.publishText(RECORD, `${JSON.stringify({ source: record })}\n`);
}

/** Whether a file has the bytes of the sample: containers have it at another path. */
async function isCopy(path: string, sample: string): Promise<boolean> {
  const sizes = await Promise.all([path, sample].map((file) => stat(file).catch(() => undefined)));
  if (!sizes[0]?.isFile() || sizes[0].size !== sizes[1]?.size) return false;
  const [copy, original] = await Promise.all([readFile(path), readFile(sample)]);
  return copy.equals(original);
}

/** Whether no task has put data or models into the store. */
async function isEmpty(store: Store): Promise<boolean> {
  const lists = await Promise.all(['raw', 'prices', 'features', 'models'].map((name) => store.list(name)));
  return lists.every((entries) => entries.length === 0) && (await store.size('champion.json')) === undefined;
}
