import { type BigIntStats, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { PermanentError } from '../lib/errors.ts';
import type { FileFacts } from './bad-rows.ts';
import { inspectFiles } from './inspect.ts';
import { fingerprintOf, type KnownFiles } from './known-files.ts';

export const METADATA = 'symbols_valid_meta.csv';

/** A file of a zip is in memory while it is read. Sixty years of a symbol's days take 1 MB. */
const MOST_BYTES_A_FILE = 256 * 2 ** 20;

/** One CSV file of a symbol's daily prices. */
export interface SourceFile {
  /** As in the Kaggle set: `stocks/AAPL.csv`. */
  name: string;
  symbol: string;
  bytes: number;
  crc32: number;
  /** Where it lies, if it can be read in place, and what is known of it there. */
  inPlace?: { path: string; fingerprint: string; facts: FileFacts };
}

/** A folder or a zip of the Kaggle shape: `stocks/*.csv`, `etfs/*.csv` and `symbols_valid_meta.csv`, at any depth. */
export interface Source {
  uri: string;
  /** In alphabetical order of their names; a symbol occurs once. */
  files: SourceFile[];
  /** CSV files that lie where none of the set does, and are not read. */
  passedOver: string[];
  /** How many CSV files there are, whatever becomes of them. */
  csvFiles: number;
  /** Which symbols have which names. */
  metadata: SourceFile;
  /** The bytes of a file, checked against its size and CRC-32. */
  read(file: SourceFile): Promise<Buffer>;
  /** @throws Error where a file that is read in place changed since the source was opened */
  assertUnchanged(file: SourceFile): void;
  close(): void;
}

/**
 * @param remedy what to do about a damaged zip
 * @throws PermanentError where there is nothing, or nothing of the Kaggle shape
 */
export async function openSource(
  path: string,
  known?: KnownFiles,
  threads = 1,
  remedy = 'fetch the zip again',
): Promise<Source> {
  const uri = resolve(path);
  const status = await stat(uri).catch((cause) => {
    throw new PermanentError(
      `${uri}: no such file or folder; give --source a folder or a zip with stocks/*.csv, etfs/*.csv and ${METADATA}`,
      { cause },
    );
  });
  return status.isDirectory() ? openFolder(uri, known, threads) : openZip(uri, remedy);
}

/** The symbol that a file of the set is about. Copies made on Windows have `_PRN.csv`, since that system reserves `PRN`. */
export function symbolOf(name: string): string {
  const stem = name.replace(/^.*\//, '').replace(/\.csv$/i, '');
  return /^_(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])$/.test(stem) ? stem.slice(1) : stem;
}

/** Whether a file of the set is about an ETF: it lies in `etfs/`, and a stock's in `stocks/`. */
export function isEtf(name: string): boolean {
  return /(^|\/)etfs\/[^/]+$/i.test(name);
}

async function openFolder(uri: string, known: KnownFiles | undefined, threads: number): Promise<Source> {
  const passedOver: string[] = [];
  let csvFiles = 0;
  const listed: { name: string; path: string; status: BigIntStats; facts: FileFacts | undefined }[] = [];
  for (const entry of await readdir(uri, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(uri, path).replaceAll('\\', '/');
    if (entry.isDirectory()) continue;
    if (isCsv(name)) csvFiles++;
    if (isPassedOver(name)) passedOver.push(name);
    if (!isOfTheSet(name)) continue;
    const status = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (!status) throw new PermanentError(`${path}: leads nowhere; remove this link`);
    if (!status.isFile())
      throw new PermanentError(`${path}: is no file; remove it, or give another --source`);
    listed.push({ name, path, status, facts: known?.find(name, status) });
  }
  const unknown = listed.filter(({ facts }) => !facts);
  const read = await inspectFiles(
    unknown.map(({ path }) => path),
    threads,
  );
  for (const [index, file] of unknown.entries()) file.facts = read[index];
  const found = listed.map(({ name, path, status, facts }): SourceFile => {
    const { bytes, crc32 } = facts as FileFacts;
    known?.keep(name, status, facts as FileFacts);
    const inPlace = { path, fingerprint: fingerprintOf(status), facts: facts as FileFacts };
    return { name, symbol: symbolOf(name), bytes, crc32, inPlace };
  });
  return {
    ...arrange(uri, found),
    passedOver,
    csvFiles,
    read: async (file) => verify(uri, file, await readFile(join(uri, file.name)), ''),
    assertUnchanged({ inPlace }) {
      if (inPlace && fingerprintOf(statSync(inPlace.path, { bigint: true })) !== inPlace.fingerprint)
        throw changedError(inPlace.path);
    },
    close() {},
  };
}

async function openZip(uri: string, remedy: string): Promise<Source> {
  const damaged = (cause: unknown): never => {
    throw new PermanentError(`${uri}: is no zip, or one that was cut short; ${remedy}`, { cause });
  };
  const zip = await yauzl.openPromise(uri, { autoClose: false }).catch(damaged);
  try {
    const entries = new Map<string, Entry>();
    const passedOver: string[] = [];
    let csvFiles = 0;
    for (const entry of await Array.fromAsync(zip.eachEntry()).catch(damaged)) {
      if (isCsv(entry.fileName)) csvFiles++;
      if (isPassedOver(entry.fileName)) passedOver.push(entry.fileName);
      if (!isOfTheSet(entry.fileName)) continue;
      if (entries.has(entry.fileName))
        throw new PermanentError(`${uri}: holds ${entry.fileName} twice; remove one of them`);
      if (entry.uncompressedSize > MOST_BYTES_A_FILE)
        throw new PermanentError(
          `${uri}: ${entry.fileName} would unpack to ${entry.uncompressedSize} bytes, and more than ${MOST_BYTES_A_FILE} are no symbol's prices; unpack the zip and give the folder`,
        );
      entries.set(entry.fileName, entry);
    }
    const found = [...entries].map(([name, entry]) => ({
      name,
      symbol: symbolOf(name),
      bytes: entry.uncompressedSize,
      crc32: entry.crc32,
    }));
    return {
      ...arrange(uri, found),
      passedOver,
      csvFiles,
      async read(file) {
        const entry = entries.get(file.name) as Entry;
        const content = await unpack(zip, entry).catch((cause) => {
          throw new PermanentError(
            `${uri}: ${file.name} cannot be unpacked; ${remedy}, or pack it with deflate`,
            { cause },
          );
        });
        return verify(uri, file, content, remedy);
      },
      assertUnchanged() {},
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** The bytes of an entry, inflated in one piece: as a stream, ingest takes a third more of CPU time. */
async function unpack(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (!entry.isCompressed()) return buffer(await zip.openReadStreamPromise(entry));
  const packed = await zip.openReadStreamPromise(entry, { decompress: false }).then(buffer);
  const size = entry.uncompressedSize;
  return promisify(inflateRaw)(packed, { chunkSize: Math.max(size, 64), maxOutputLength: Math.max(size, 1) });
}

function isOfTheSet(name: string): boolean {
  if (isHidden(name)) return false;
  return /(^|\/)(stocks|etfs)\/[^/]+\.csv$/i.test(name) || isMetadata(name);
}

function isPassedOver(name: string): boolean {
  return isCsv(name) && !isOfTheSet(name);
}

/** A CSV file, be it packed by itself. */
function isCsv(name: string): boolean {
  return /\.csv(\.\w+)?$/i.test(name) && !isHidden(name);
}

/** What macOS adds to a zip. */
function isHidden(name: string): boolean {
  return /(^|\/)(__MACOSX\/|\._)/.test(name);
}

function isMetadata(name: string): boolean {
  return name.split('/').at(-1) === METADATA;
}

function arrange(uri: string, found: SourceFile[]): Pick<Source, 'uri' | 'files' | 'metadata'> {
  const files = found.filter(({ name }) => !isMetadata(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const [metadata, second] = found.filter(({ name }) => isMetadata(name));
  if (files.length === 0)
    throw new PermanentError(
      `${uri}: holds no stocks/*.csv and no etfs/*.csv; point --source to the folder or zip that does (links to folders are not followed)`,
    );
  if (!metadata)
    throw new PermanentError(
      `${uri}: ${METADATA} is missing; Security Name is taken from it, so add the one that came with the prices`,
    );
  if (second)
    throw new PermanentError(
      `${uri}: ${metadata.name} and ${second.name} are both there; remove one of them`,
    );
  const names = new Map<string, string>();
  for (const { name, symbol } of files) {
    const other = names.get(symbol);
    if (other)
      throw new PermanentError(`${uri}: ${other} and ${name} are both about ${symbol}; remove one of them`);
    names.set(symbol, name);
  }
  return { uri, files, metadata };
}

function verify(uri: string, file: SourceFile, content: Buffer, remedy: string): Buffer {
  if (content.length === file.bytes && crc32(content) === file.crc32) return content;
  if (file.inPlace) throw changedError(file.inPlace.path);
  throw new PermanentError(`${uri}: ${file.name} is damaged (its checksum differs); ${remedy}`);
}

function changedError(path: string): Error {
  return new Error(`${path}: changed while it was read; run ingest again`);
}
