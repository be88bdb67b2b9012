import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PermanentError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { type RemoteArchive, TransientError } from './kaggle.ts';
import { DamagedZipError, verifyZip } from './verify-zip.ts';

const MAX_SILENCE_MS = 60_000;
const MEBIBYTE = 2 ** 20;

/** Disk space that a download leaves free. */
const MIN_FREE_BYTES = 64 * MEBIBYTE;

/** An archive of which a part was received. */
export interface PartialArchive {
  path: string;
  version: string;
  /** The largest size so far. */
  maxBytes: number;
  /** Failures since the size last grew beyond `maxBytes`. */
  failures: number;
}

/**
 * Writes the body to the partial archive's file, after what is there, or from its start.
 * @throws TransientError if the connection breaks or is silent for a minute
 * @throws Error of the file system as it is
 */
export async function receiveArchive(
  remote: RemoteArchive,
  partial: PartialArchive,
  name: string,
  aborter: AbortController,
  progress: Progress,
): Promise<void> {
  let silence: NodeJS.Timeout | undefined;
  const restartTimer = () => {
    clearTimeout(silence);
    silence = setTimeout(() => aborter.abort(new Error('no data for a minute')), MAX_SILENCE_MS);
  };
  let received = remote.from;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      restartTimer();
      received += chunk.length;
      if (received > partial.maxBytes) Object.assign(partial, { maxBytes: received, failures: 0 });
      progress.advance(chunk.length / MEBIBYTE);
      done(null, chunk);
    },
  });
  progress.start(`${name}, MiB`, Math.ceil((remote.bytes ?? 0) / MEBIBYTE), remote.from / MEBIBYTE);
  try {
    restartTimer();
    const flags = remote.from > 0 ? 'a' : 'w';
    await pipeline(Readable.fromWeb(remote.body as never), meter, createWriteStream(partial.path, { flags }));
  } catch (cause) {
    const { path, syscall } = cause as NodeJS.ErrnoException;
    if (path !== undefined || syscall === 'write') throw cause;
    throw new TransientError('the connection broke', undefined, { cause });
  } finally {
    clearTimeout(silence);
    progress.stop();
  }
}

/** The size of a file, or 0 if there is none. */
export async function sizeOf(path: string): Promise<number> {
  return path ? ((await stat(path).catch(() => undefined))?.size ?? 0) : 0;
}

/** @throws PermanentError if the rest of the archive does not fit on the disk */
export async function assertFitsOnDisk(path: string, { bytes, from }: RemoteArchive): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const needed = (bytes ?? 0) - from;
  if (bavail * bsize < needed + MIN_FREE_BYTES)
    throw new PermanentError(
      `${dirname(path)}: the download needs ${Math.ceil(needed / MEBIBYTE)} MiB, but only ${Math.floor((bavail * bsize) / MEBIBYTE)} MiB are free. Free some space, or point --store to a larger disk.`,
    );
}

/**
 * Compares a received zip with what the server announced, and its files with their checksums.
 * @returns the number of files
 * @throws TransientError or DamagedZipError if it is not what the server has
 * @throws PermanentError if it must not or cannot be used
 */
export async function verifyArchive(path: string, { bytes, md5 }: RemoteArchive): Promise<number> {
  const size = await sizeOf(path);
  if (bytes !== undefined && size < bytes)
    throw new TransientError(`received only ${size} of ${bytes} bytes`);
  if (bytes !== undefined && size > bytes)
    throw new DamagedZipError(`received ${size} bytes instead of ${bytes}`);
  if (md5 !== undefined && (await md5Of(path)) !== md5) throw new DamagedZipError('its checksum is wrong');
  return verifyZip(path);
}

/** In Base64, as storage servers send it. */
async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('base64');
}
