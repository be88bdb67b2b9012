import { createWriteStream } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PermanentError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { type Remote, TryAgain } from './kaggle.ts';
import { DamagedZip, md5Of, verifyZip } from './zip.ts';

const SILENCE_MS = 60_000;
const MEBIBYTE = 2 ** 20;

/** What was received of a file so far. */
export interface Part {
  path: string;
  version: string;
  /** How many bytes there were at most. */
  most: number;
  /** What broke off or failed since more than that was received. */
  failures: number;
}

/**
 * Writes what a server sends to the part's file: anew, or after what is there.
 * @throws TryAgain where the connection breaks or falls silent; what the file system says comes as it is
 */
export async function receive(
  remote: Remote,
  part: Part,
  name: string,
  aborter: AbortController,
  progress: Progress,
): Promise<void> {
  let silence: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => aborter.abort(new Error('nothing came for a minute')), SILENCE_MS);
  };
  let received = remote.from;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      listen();
      received += chunk.length;
      if (received > part.most) Object.assign(part, { most: received, failures: 0 });
      progress.advance(chunk.length / MEBIBYTE);
      done(null, chunk);
    },
  });
  progress.start(`${name}, MiB`, Math.ceil((remote.bytes ?? 0) / MEBIBYTE), remote.from / MEBIBYTE);
  try {
    listen();
    const flags = remote.from > 0 ? 'a' : 'w';
    await pipeline(Readable.fromWeb(remote.body as never), meter, createWriteStream(part.path, { flags }));
  } catch (cause) {
    const { path, syscall } = cause as NodeJS.ErrnoException;
    if (path !== undefined || syscall === 'write') throw cause;
    throw new TryAgain('the connection broke', undefined, { cause });
  } finally {
    clearTimeout(silence);
    progress.stop();
  }
}

/** The size of a file, 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return path ? ((await stat(path).catch(() => undefined))?.size ?? 0) : 0;
}

/** @throws PermanentError where what is to come does not fit on the disk */
export async function ensureSpace(path: string, { bytes, from }: Remote): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const needed = (bytes ?? 0) - from;
  if (bavail * bsize < needed + 64 * MEBIBYTE)
    throw new PermanentError(
      `${dirname(path)}: ${Math.ceil(needed / MEBIBYTE)} MiB are to come, but only ${Math.floor((bavail * bsize) / MEBIBYTE)} MiB are free; free some, or point --store to a larger disk`,
    );
}

/** How many files a received zip holds. @throws TryAgain, DamagedZip where it is not what was sent */
export async function verify(path: string, { bytes, md5 }: Remote): Promise<number> {
  const size = await sizeOf(path);
  if (bytes !== undefined && size < bytes) throw new TryAgain(`only ${size} of ${bytes} bytes came`);
  if (bytes !== undefined && size > bytes) throw new DamagedZip(`${size} bytes came instead of ${bytes}`);
  if (md5 !== undefined && (await md5Of(path)) !== md5) throw new DamagedZip('the checksum differs');
  return verifyZip(path);
}
