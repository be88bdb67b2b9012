import type { Store } from './store.ts';

/** A downloaded zip, as raw/<key>/snapshot.json describes it. */
export interface Snapshot {
  /** `owner/name` on Kaggle. */
  dataset: string;
  /** The name of its folder: a hash of the dataset and its version on the server. */
  key: string;
  bytes: number;
  files: number;
}

const LATEST = 'raw/latest.json';

/** The name of a snapshot's zip in the store. */
export function archiveName(key: string): string {
  return `raw/${key}/archive.zip`;
}

/** The latest snapshot, if its zip is complete. */
export async function latestSnapshot(store: Store): Promise<Snapshot | undefined> {
  const { key } = (await store.readJson<{ key: string }>(LATEST)) ?? {};
  return key ? findSnapshot(key, store) : undefined;
}

/** The snapshot with a key, if its zip is there with its full size. */
export async function findSnapshot(key: string, store: Store): Promise<Snapshot | undefined> {
  const snapshot = await store.readJson<Snapshot>(`raw/${key}/snapshot.json`);
  return snapshot && (await store.size(archiveName(key))) === snapshot.bytes ? snapshot : undefined;
}

/** Publishes a verified zip and names it in raw/latest.json. */
export async function publishSnapshot(path: string, snapshot: Snapshot, store: Store): Promise<void> {
  await store.publish(path, archiveName(snapshot.key));
  await store.publishText(`raw/${snapshot.key}/snapshot.json`, `${JSON.stringify(snapshot)}\n`);
  await nameLatestSnapshot(snapshot, store);
}

export async function nameLatestSnapshot({ key }: Snapshot, store: Store): Promise<void> {
  await store.publishText(LATEST, `${JSON.stringify({ key })}\n`);
}
