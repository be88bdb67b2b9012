import { open } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { PermanentError } from '../lib/errors.ts';
import { openZip } from '../lib/zip.ts';

/** The real set unpacks to 2.5 GB. */
const MAX_UNPACKED_BYTES = 50 * 2 ** 30;

/** A zip that is not what the server has. A second download can succeed. */
export class DamagedZipError extends Error {}

/**
 * Unpacks every file of a zip in memory, and compares its size and checksum. Writes no files.
 * @returns the number of files
 * @throws DamagedZipError
 * @throws PermanentError if the zip is whole, but must not or cannot be used
 */
export async function verifyZip(path: string): Promise<number> {
  if (await isWebPage(path))
    throw new PermanentError(
      `${path}: this is a web page, not a zip; download the zip with a browser, and give it to ingest --source`,
    );
  const { zip, entries } = await openZip(path).catch((cause) => {
    throw zipError(path, cause);
  });
  try {
    const total = entries.reduce((bytes, { uncompressedSize }) => bytes + uncompressedSize, 0);
    if (total > MAX_UNPACKED_BYTES)
      throw new PermanentError(
        `${path}: would unpack to ${total} bytes; the limit is ${MAX_UNPACKED_BYTES}. Check --dataset.`,
      );
    const files = entries.filter(({ fileName }) => !fileName.endsWith('/'));
    for (const file of files) await verifyEntry(path, zip, file);
    return files.length;
  } finally {
    zip.close();
  }
}

async function verifyEntry(path: string, zip: ZipFile, entry: Entry): Promise<void> {
  if (!entry.canDecodeFileData())
    throw new PermanentError(
      `${path}: ${entry.fileName} is ${entry.isEncrypted() ? 'encrypted' : `packed by method ${entry.compressionMethod}`}, but only stored and deflated files can be read; download the zip with a browser, unpack it with another tool, and give the folder to ingest --source`,
    );
  let sum = 0;
  const addToSum = new Writable({
    write(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum);
      done();
    },
  });
  try {
    await pipeline(await zip.openReadStreamPromise(entry), addToSum);
  } catch (cause) {
    throw damagedError(cause);
  }
  if (sum !== entry.crc32) throw damagedError(new Error(`the checksum of ${entry.fileName} is wrong`));
}

/** What an error of yauzl means. */
function zipError(path: string, cause: Error): Error {
  if (/^(invalid relative path|absolute path|invalid characters in fileName)/.test(cause.message))
    return new PermanentError(`${path}: the name of a file leads out of its folder; do not use this zip`, {
      cause,
    });
  return damagedError(cause);
}

function damagedError(cause: unknown): DamagedZipError {
  return new DamagedZipError('the zip is damaged', { cause });
}

async function isWebPage(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return /^\s*<(!doctype|html)/i.test(buffer.toString('latin1', 0, bytesRead));
  } finally {
    await file.close();
  }
}
