import { constants } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { PermanentError } from '../lib/errors.ts';
import { openZip } from '../lib/zip.ts';
import { hasSameBytes, type Source, selectSourceFiles, separateMetadata, symbolOf } from './source-files.ts';

/** A file of a zip is in memory while it is read. Sixty years of a symbol's prices take 1 MB. */
const MAX_FILE_BYTES = 256 * 2 ** 20;

/**
 * @param remedy what to do about a damaged zip, for error messages
 * @throws PermanentError if it is damaged, or does not have the layout of a source
 */
export async function openZipSource(uri: string, remedy: string): Promise<Source> {
  const { zip, entries } = await openZip(uri).catch((cause) => {
    throw new PermanentError(`${uri}: not a zip file, or it is truncated; ${remedy}`, { cause });
  });
  try {
    const folders = findFoldersWithFiles(entries);
    const { selected, ...ignored } = selectSourceFiles(
      entries.filter((entry) => !folders.has(entry)),
      ({ fileName }) => fileName,
    );
    assertNoLinks(uri, entries);
    const entryOf = indexEntries(uri, selected);
    const found = selected.map(({ fileName, uncompressedSize, crc32 }) => ({
      name: fileName,
      symbol: symbolOf(fileName),
      bytes: uncompressedSize,
      crc32,
    }));
    return {
      ...separateMetadata(uri, found),
      ...ignored,
      entryCount: zip.entryCount - folders.size,
      async read(file) {
        const content = await unpack(zip, entryOf.get(file.name) as Entry).catch((cause) => {
          throw new PermanentError(
            `${uri}: ${file.name} cannot be unpacked; ${remedy}, or pack it with deflate`,
            { cause },
          );
        });
        if (!hasSameBytes(file, content))
          throw new PermanentError(`${uri}: ${file.name} is damaged: its checksum is wrong; ${remedy}`);
        return content;
      },
      assertUnchanged() {},
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** The entries of folders that are not empty. */
function findFoldersWithFiles(entries: Entry[]): Set<Entry> {
  const parents = new Set(entries.map(({ fileName }) => fileName.replace(/[^/]+\/?$/, '')));
  return new Set(entries.filter(({ fileName }) => fileName.endsWith('/') && parents.has(fileName)));
}

function assertNoLinks(uri: string, entries: Entry[]): void {
  const isLink = ({ externalFileAttributes }: Entry) =>
    ((externalFileAttributes >>> 16) & constants.S_IFMT) === constants.S_IFLNK;
  const link = entries.find(isLink);
  if (link)
    throw new PermanentError(
      `${uri}: ${link.fileName} is a link. Pack the files themselves, or unpack the zip, and give the folder as --source.`,
    );
}

/**
 * The entries by name.
 * @throws PermanentError if a name occurs twice, or a file is too large or cannot be unpacked
 */
function indexEntries(uri: string, entries: Entry[]): Map<string, Entry> {
  const entryOf = new Map<string, Entry>();
  for (const entry of entries) {
    const { fileName, uncompressedSize } = entry;
    if (entryOf.has(fileName))
      throw new PermanentError(`${uri}: ${fileName} is in the zip twice. Remove one of them.`);
    if (uncompressedSize > MAX_FILE_BYTES)
      throw new PermanentError(
        `${uri}: ${fileName} would unpack to ${uncompressedSize} bytes; the limit for a file in a zip is ${MAX_FILE_BYTES}. Unpack the zip, and give the folder as --source.`,
      );
    if (!entry.canDecodeFileData())
      throw new PermanentError(
        `${uri}: ${fileName} is ${entry.isEncrypted() ? 'encrypted' : `packed by method ${entry.compressionMethod}`}; only stored and deflated files can be read. Unpack the zip with another tool, and give the folder as --source.`,
      );
    entryOf.set(fileName, entry);
  }
  return entryOf;
}

/** The bytes of an entry, inflated in one piece: a stream costs ingest a third more CPU time. */
async function unpack(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (!entry.isCompressed()) return buffer(await zip.openReadStreamPromise(entry));
  const packed = await zip.openReadStreamPromise(entry, { decompress: false }).then(buffer);
  const size = entry.uncompressedSize;
  return promisify(inflateRaw)(packed, { chunkSize: Math.max(size, 64), maxOutputLength: Math.max(size, 1) });
}
