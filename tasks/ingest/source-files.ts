import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { PermanentError } from '../lib/errors.ts';
import type { FileFacts } from './file-facts.ts';

export const METADATA = 'symbols_valid_meta.csv';

/** One CSV file of a symbol's daily prices, or the metadata. */
export interface SourceFile {
  /** As in the Kaggle set: `stocks/AAPL.csv`. */
  name: string;
  symbol: string;
  bytes: number;
  crc32: number;
  /** Set if the file can be read in place. */
  inPlace?: { path: string; fingerprint: string; facts: FileFacts };
}

/** A folder or zip with `stocks/*.csv`, `etfs/*.csv` and `symbols_valid_meta.csv`, at any depth. */
export interface Source {
  uri: string;
  /** The price files, sorted by name. No two have the same symbol. */
  files: SourceFile[];
  /** Security names by symbol. */
  metadata: SourceFile;
  /** CSV files that are not read: in other folders, or compressed. */
  ignoredCsvFiles: string[];
  /** Other files that are not read, and empty folders, which end in a slash. */
  ignoredFiles: string[];
  /** The number of files that macOS or Windows adds to folders and zips. They are not read. */
  systemFileCount: number;
  /** The number of files and of empty folders, counted apart from the lists above. */
  entryCount: number;
  /** The bytes of a file, checked against its size and CRC-32. */
  read(file: SourceFile): Promise<Buffer>;
  /** @throws Error if a file that is read in place has changed since the source was opened */
  assertUnchanged(file: SourceFile): void;
  close(): void;
}

/** The symbol of a price file. On Windows, PRN.csv is reserved, so that copies have `_PRN.csv`. */
export function symbolOf(name: string): string {
  const stem = basename(name).replace(/\.csv$/i, '');
  return /^_(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])$/.test(stem) ? stem.slice(1) : stem;
}

/** Whether a price file is of an ETF: it is in `etfs/`. Those of stocks are in `stocks/`. */
export function isEtf(name: string): boolean {
  return /(^|\/)etfs\/[^/]+$/i.test(name);
}

/** The entries that are read, and those that are not, by kind. */
export function selectSourceFiles<Entry>(
  entries: Entry[],
  nameOf: (entry: Entry) => string,
): { selected: Entry[] } & Pick<Source, 'ignoredCsvFiles' | 'ignoredFiles' | 'systemFileCount'> {
  const visible = entries.filter((entry) => !isAddedBySystem(nameOf(entry)));
  const ignored = visible.map(nameOf).filter((name) => !isSourceFile(name));
  return {
    selected: visible.filter((entry) => isSourceFile(nameOf(entry))),
    ignoredCsvFiles: ignored.filter(isCsv),
    ignoredFiles: ignored.filter((name) => !isCsv(name)),
    systemFileCount: entries.length - visible.length,
  };
}

/**
 * Separates the metadata from the price files, and sorts these by name.
 * @throws PermanentError if one of them is missing, or there are two for one symbol
 */
export function separateMetadata(
  uri: string,
  found: SourceFile[],
): Pick<Source, 'uri' | 'files' | 'metadata'> {
  const files = found.filter(({ name }) => !isMetadata(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const [metadata, second] = found.filter(({ name }) => isMetadata(name));
  if (files.length === 0)
    throw new PermanentError(
      `${uri}: there are no stocks/*.csv and no etfs/*.csv. Point --source to the folder or zip that has them.`,
    );
  if (!metadata)
    throw new PermanentError(
      `${uri}: ${METADATA} is missing. Add the one that came with the prices: it has the security names.`,
    );
  if (second)
    throw new PermanentError(
      `${uri}: there are two files of metadata, ${metadata.name} and ${second.name}. Remove one of them.`,
    );
  const nameOfSymbol = new Map<string, string>();
  for (const { name, symbol } of files) {
    const other = nameOfSymbol.get(symbol);
    if (other)
      throw new PermanentError(
        `${uri}: ${other} and ${name} are both for the symbol ${symbol}. Remove one of them.`,
      );
    nameOfSymbol.set(symbol, name);
  }
  return { uri, files, metadata };
}

export function hasSameBytes(file: SourceFile, content: Buffer): boolean {
  return content.length === file.bytes && crc32(content) === file.crc32;
}

/** Not permanent: the same run can succeed once nobody writes to the file. */
export function changedError(path: string): Error {
  return new Error(`${path}: the file changed while it was read. Run ingest again.`);
}

/** A price file or metadata. */
function isSourceFile(name: string): boolean {
  return /(^|\/)(stocks|etfs)\/[^/]+\.csv$/i.test(name) || isMetadata(name);
}

function isMetadata(name: string): boolean {
  return name.split('/').at(-1) === METADATA;
}

/** Also if the CSV file is compressed: `A.csv.gz`. */
function isCsv(name: string): boolean {
  return /\.csv(\.\w+)?$/i.test(name);
}

/** Files that macOS and Windows add. */
function isAddedBySystem(name: string): boolean {
  return /(^|\/)(__MACOSX\/|\._)|(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/.test(name);
}
