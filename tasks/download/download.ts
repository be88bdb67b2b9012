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
import { type Credentials, PartRefused, requestArchive, TryAgain } from './kaggle.ts';
import { ensureSpace, type Part, receive, sizeOf, verify } from './receive.ts';
import { DamagedZip } from './zip.ts';

const MOST_FAILURES = 6;
const LONGEST_WAIT_MS = 5 * 60_000;

export interface DownloadOptions {
  /** `owner/name`, as in the address of the dataset's page. */
  dataset: string;
  /** Where Kaggle is. */
  url: string;
  credentials?: Credentials | undefined;
  /** How long to wait after a first failure; twice as long after each further one. */
  firstWaitMs?: number;
}

/**
 * Fetches a dataset's zip into raw/<snapshot>/, verified and whole or not at all. A download that broke off goes on
 * where it was, also in a later run. Two at once on one store take turns. Nothing is fetched where the server's version is already there.
 * @throws PermanentError where trying again cannot help
 */
export async function download(options: DownloadOptions, context: Context): Promise<TaskResult> {
  return context.store.withLock('download', () => fetchArchive(options, context));
}

async function fetchArchive(
  { dataset, url, credentials, firstWaitMs = 1_000 }: DownloadOptions,
  { store, log, progress }: Context,
): Promise<TaskResult> {
  const address = `${url.replace(/\/$/, '')}/api/v1/datasets/download/${dataset}`;
  const partials = `raw/partial/${dataset}`;
  const part: Part = { path: '', version: '', most: 0, failures: 0 };
  for (;;) {
    try {
      const aborter = new AbortController();
      const remote = await requestArchive(address, credentials, await progressOf(part), aborter.signal);
      const key = contentKey(dataset, remote.version, remote.bytes ?? null);
      const present = remote.version ? await findSnapshot(key, store) : undefined;
      if (present) {
        await remote.body.cancel();
        await nameLatestSnapshot(present, store);
        return describe('up_to_date', present);
      }
      const path = store.locate(`${partials}/${key}.zip`);
      const held = remote.version ? await sizeOf(path) : 0;
      const isNew = part.path !== path;
      Object.assign(part, { path, version: remote.version });
      if (isNew && held > 0 && held < (remote.bytes ?? 0)) {
        // A run before this one broke off: ask again, for the rest.
        await remote.body.cancel();
        continue;
      }
      if (held > 0 && held === remote.bytes) await remote.body.cancel();
      else {
        await mkdir(dirname(path), { recursive: true });
        await ensureSpace(path, remote);
        await receive(remote, part, dataset, aborter, progress);
      }
      const files = await verify(path, remote).catch(async (error) => {
        if (error instanceof PermanentError) await rm(path, { force: true });
        throw error;
      });
      const snapshot = { dataset, key, bytes: await sizeOf(path), files };
      await publishSnapshot(path, snapshot, store);
      await store.remove(partials);
      return describe('done', snapshot);
    } catch (error) {
      if (error instanceof DamagedZip || error instanceof PartRefused) await rm(part.path, { force: true });
      else if (!(error instanceof TryAgain)) throw error;
      const message = `${dataset} cannot be fetched: ${error.message}`;
      if (++part.failures >= MOST_FAILURES) throw new Error(message, { cause: error });
      const asked = error instanceof TryAgain ? error.afterMs : undefined;
      const pause = asked ?? firstWaitMs * 2 ** (part.failures - 1);
      if (pause > LONGEST_WAIT_MS)
        throw new Error(`${message}; it asks to be left alone for ${pause / 1000} s`, { cause: error });
      log.warn(message, { failures: part.failures, next_try_in_seconds: pause / 1000 });
      await wait(pause);
    }
  }

  function describe(status: TaskResult['status'], { key, bytes, files }: Snapshot): TaskResult {
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
}

/** How much is held of a file of which version. Without a version, nothing can be held. */
async function progressOf({ path, version }: Part): Promise<{ from: number; version: string }> {
  return { from: version ? await sizeOf(path) : 0, version };
}
