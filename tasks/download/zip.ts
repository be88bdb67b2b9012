import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import { PermanentError } from '../lib/errors.ts';

/** The real set unpacks to 2.5 GB; what claims or makes more than this is no dataset. */
const MOST_BYTES = 50 * 2 ** 30;

/** A zip that was received, but is not what the server holds: fetching it again may help. */
export class DamagedZip extends Error {}

/**
 * Unpacks every file of a zip into nothing and compares its size and checksum. Nothing is written, so names that
 * lead out of a folder can do no harm; they are refused all the same.
 * @returns how many files it holds
 * @throws DamagedZip, or PermanentError where the zip is what it should be, but must not be used
 */
export async function verifyZip(path: string): Promise<number> {
  if (await isWebPage(path))
    throw new PermanentError(
      `${path}: is a web page instead of a zip; fetch the zip with a browser and give it to ingest --source`,
    );
  const zip = await yauzl.openPromise(path, { autoClose: false }).catch(damaged);
  try {
    const entries = await Array.fromAsync(zip.eachEntry()).catch((cause) => {
      if (/^(invalid relative path|absolute path|invalid characters in fileName)/.test(cause.message))
        throw new PermanentError(`${path}: holds a file whose name leads out of its folder; do not use it`, {
          cause,
        });
      return damaged(cause);
    });
    const total = entries.reduce((bytes, { uncompressedSize }) => bytes + uncompressedSize, 0);
    if (total > MOST_BYTES)
      throw new PermanentError(
        `${path}: would unpack to ${total} bytes; more than ${MOST_BYTES} are not taken`,
      );
    let files = 0;
    for (const entry of entries) {
      if (entry.fileName.endsWith('/')) continue;
      if (!entry.canDecodeFileData())
        throw new PermanentError(
          `${path}: ${entry.fileName} is ${entry.isEncrypted() ? 'encrypted' : `packed by method ${entry.compressionMethod}`}, but only stored and deflated files are read; fetch the zip with a browser, unpack it with another tool, and give the folder to ingest --source`,
        );
      let sum = 0;
      const add = new Writable({
        write(chunk: Buffer, _encoding, done) {
          sum = crc32(chunk, sum);
          done();
        },
      });
      await zip
        .openReadStreamPromise(entry)
        .then((stream) => pipeline(stream, add))
        .catch(damaged);
      if (sum !== entry.crc32) damaged(new Error(`the checksum of ${entry.fileName} differs`));
      files++;
    }
    return files;
  } finally {
    zip.close();
  }
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

/** The MD5 of a file in Base64, as storage servers give it. */
export async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('base64');
}

function damaged(cause: unknown): never {
  throw new DamagedZip('the zip is damaged', { cause });
}
