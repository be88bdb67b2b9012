import type { Store } from './store.ts';

/** What `raw/latest.json` says of the zip that was downloaded last. */
export interface Snapshot {
  /** `owner/name` on Kaggle. */
  dataset: string;
  /** Names the folder: a hash of the dataset and of what the server says of its version. */
  key: string;
  bytes: number;
  files: number;
}

const LATEST = 'raw/latest.json';

/** The name of a snapshot's zip in the store. */
export function archiveName(key: string): string {
  return `raw/${key}/archive.zip`;
}

/** The snapshot that was downloaded last, if its zip is still whole. */
export async function latestSnapshot(store: Store): Promise<Snapshot | undefined> {
  const { key } = (await store.readJson<{ key: string }>(LATEST)) ?? {};
  return key ? findSnapshot(key, store) : undefined;
}

/** A snapshot of which the zip is there and as long as it was. */
export async function findSnapshot(key: string, store: Store): Promise<Snapshot | undefined> {
  const snapshot = await store.readJson<Snapshot>(`raw/${key}/snapshot.json`);
  return snapshot && (await store.size(archiveName(key))) === snapshot.bytes ? snapshot : undefined;
}

/** Publishes a verified zip, and names it the latest. */
export async function publishSnapshot(path: string, snapshot: Snapshot, store: Store): Promise<void> {
  await store.publish(path, archiveName(snapshot.key));
  await store.publishText(`raw/${snapshot.key}/snapshot.json`, `${JSON.stringify(snapshot)}\n`);
  await nameLatestSnapshot(snapshot, store);
}

export async function nameLatestSnapshot({ key }: Snapshot, store: Store): Promise<void> {
  await store.publishText(LATEST, `${JSON.stringify({ key })}\n`);
}
