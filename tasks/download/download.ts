import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { contentKey } from '../lib/content-key.ts';
import { PermanentError } from '../lib/errors.ts';
import type { TaskResult } from '../store/result.ts';
import {
  archiveName,
  findSnapshot,
  nameLatestSnapshot,
  publishSnapshot,
  type Snapshot,
} from '../store/snapshots.ts';
import type { Store } from '../store/store.ts';
import { type Credentials, RangeRefusedError, requestArchive, TransientError } from './kaggle.ts';
import {
  assertFitsOnDisk,
  type PartialArchive,
  receiveArchive,
  sizeOf,
  verifyArchive,
} from './receive-archive.ts';
import { DamagedZipError } from './verify-zip.ts';

const MAX_FAILURES = 6;
const MAX_WAIT_MS = 5 * 60_000;

export interface DownloadOptions {
  /** `owner/name`, as in the address of the dataset's page. */
  dataset: string;
  /** The address of Kaggle. */
  url: string;
  credentials?: Credentials | undefined;
  /** The wait after the first failure. It doubles with each further failure. */
  firstWaitMs?: number;
}

/**
 * Downloads a dataset's zip to raw/<snapshot>/, verified and whole or not at all. An interrupted
 * download continues where it stopped, also in a later run. Only one download at a time works on a
 * store. Nothing is downloaded if the store has the server's version.
 * @throws PermanentError if a second try cannot succeed
 */
export async function download(options: DownloadOptions, context: Context): Promise<TaskResult> {
  return context.store.withLock('download', () => downloadWithRetries(options, context));
}

async function downloadWithRetries(options: DownloadOptions, context: Context): Promise<TaskResult> {
  const partial: PartialArchive = { path: '', version: '', maxBytes: 0, failures: 0 };
  for (;;) {
    try {
      const result = await downloadOnce(options, partial, context);
      if (result) return result;
    } catch (error) {
      await recover(error, partial, options, context);
    }
  }
}

/** @returns undefined if the store has a part of the archive, which the next request continues */
async function downloadOnce(
  { dataset, url, credentials }: DownloadOptions,
  partial: PartialArchive,
  { store, progress }: Context,
): Promise<TaskResult | undefined> {
  const address = `${url.replace(/\/$/, '')}/api/v1/datasets/download/${dataset}`;
  const aborter = new AbortController();
  const remote = await requestArchive(address, credentials, await receivedOf(partial), aborter.signal);
  const key = contentKey(dataset, remote.version, remote.bytes ?? null);
  const present = remote.version ? await findSnapshot(key, store) : undefined;
  if (present) {
    await remote.body.cancel();
    await nameLatestSnapshot(present, store);
    return makeResult('up_to_date', address, present, store);
  }
  const folder = `raw/partial/${dataset}`;
  const path = store.locate(`${folder}/${key}.zip`);
  const received = remote.version ? await sizeOf(path) : 0;
  const isNew = partial.path !== path;
  Object.assign(partial, { path, version: remote.version });
  if (isNew && received > 0 && received < (remote.bytes ?? 0)) {
    await remote.body.cancel();
    return undefined;
  }
  if (received > 0 && received === remote.bytes) await remote.body.cancel();
  else {
    await mkdir(dirname(path), { recursive: true });
    await assertFitsOnDisk(path, remote);
    await receiveArchive(remote, partial, dataset, aborter, progress);
  }
  const files = await verifyArchive(path, remote).catch(async (error) => {
    if (error instanceof PermanentError) await rm(path, { force: true });
    throw error;
  });
  const snapshot = { dataset, key, bytes: await sizeOf(path), files };
  await publishSnapshot(path, snapshot, store);
  await store.remove(folder);
  return makeResult('done', address, snapshot, store);
}

/** Waits after a failure that a second try can repair. @throws the error if there is none */
async function recover(
  error: unknown,
  partial: PartialArchive,
  { dataset, firstWaitMs = 1_000 }: DownloadOptions,
  { log }: Context,
): Promise<void> {
  if (error instanceof DamagedZipError || error instanceof RangeRefusedError)
    await rm(partial.path, { force: true });
  else if (!(error instanceof TransientError)) throw error;
  const message = `cannot download ${dataset}: ${error.message}`;
  if (++partial.failures >= MAX_FAILURES) throw new Error(message, { cause: error });
  const askedMs = error instanceof TransientError ? error.afterMs : undefined;
  const waitMs = askedMs ?? firstWaitMs * 2 ** (partial.failures - 1);
  if (waitMs > MAX_WAIT_MS)
    throw new Error(`${message}; the server asks to wait for ${waitMs / 1000} s. Try again later.`, {
      cause: error,
    });
  log.warn(message, { failures: partial.failures, next_try_in_seconds: waitMs / 1000 });
  await wait(waitMs);
}

/** How much of which version was received. Without a version, a download cannot continue. */
async function receivedOf({ path, version }: PartialArchive): Promise<{ from: number; version: string }> {
  return { from: version ? await sizeOf(path) : 0, version };
}

function makeResult(
  status: TaskResult['status'],
  address: string,
  { key, bytes, files }: Snapshot,
  store: Store,
): TaskResult {
  const raw = { rows: 0, bytes, key };
  return {
    status,
    inputs: [{ name: 'kaggle', uri: address, ...raw }],
    outputs: [{ name: 'raw', uri: store.locate(archiveName(key)), format: 'zip', columns: [], ...raw }],
    columnLineage: {},
    checks: [],
    metrics: { files },
  };
}
