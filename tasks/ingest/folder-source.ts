import { type Dirent, readdirSync, statSync } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PermanentError } from '../lib/errors.ts';
import { type FileFactsCache, fingerprintOf } from './file-facts-cache.ts';
import { inspectFiles } from './inspect-files.ts';
import {
  changedError,
  hasSameBytes,
  type Source,
  type SourceFile,
  selectSourceFiles,
  separateMetadata,
  symbolOf,
} from './source-files.ts';

/** @throws PermanentError if it does not have the layout of a source */
export async function openFolder(
  uri: string,
  cache: FileFactsCache | undefined,
  threads: number,
): Promise<Source> {
  const { selected, ...ignored } = selectSourceFiles(await listFiles(uri), (name) => name);
  return {
    ...separateMetadata(uri, await inspectFolder(uri, selected, cache, threads)),
    ...ignored,
    entryCount: countEntries(uri),
    async read(file) {
      const path = join(uri, file.name);
      const content = await readFile(path);
      if (!hasSameBytes(file, content)) throw changedError(path);
      return content;
    },
    assertUnchanged({ inPlace }) {
      if (inPlace && fingerprintOf(statSync(inPlace.path, { bigint: true })) !== inPlace.fingerprint)
        throw changedError(inPlace.path);
    },
    close() {},
  };
}

/**
 * The files of a folder and of all folders below, and the empty folders, which end in a slash.
 * Links to folders are followed.
 * @throws PermanentError if a link points to nothing, or to a folder that is listed already
 */
async function listFiles(uri: string): Promise<string[]> {
  const names: string[] = [];
  const nameOfFolder = new Map<string, string>();
  const list = async (prefix: string): Promise<void> => {
    const folder = join(uri, prefix);
    const real = await realpath(folder);
    const listed = nameOfFolder.get(real);
    if (listed !== undefined)
      throw new PermanentError(
        `${folder}: this is the same folder as ${join(uri, listed)}, through a link. Remove the link.`,
      );
    nameOfFolder.set(real, prefix);
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.length === 0 && prefix !== '') names.push(prefix);
    for (const entry of entries) {
      const name = prefix + entry.name;
      if (await isFolder(entry, join(uri, name))) await list(`${name}/`);
      else names.push(name);
    }
  };
  await list('');
  return names;
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (entry.name.includes('\uFFFD') && !(await lstat(path).catch(() => undefined)))
    throw new PermanentError(`${path}: this name is not UTF-8. Rename the file or folder.`);
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const status = await stat(path).catch((cause) => {
    throw new PermanentError(`${path}: the link points to nothing. Remove it.`, { cause });
  });
  return status.isDirectory();
}

/** Counts what listFiles() lists, in another way, so that a check can compare them. */
function countEntries(path: string): number {
  if (!statSync(path).isDirectory()) return 1;
  const names = readdirSync(path);
  return names.reduce((sum, name) => sum + Math.max(countEntries(join(path, name)), 1), 0);
}

/** Reads the files that are not in the cache, and adds them to it. */
async function inspectFolder(
  uri: string,
  names: string[],
  cache: FileFactsCache | undefined,
  threads: number,
): Promise<SourceFile[]> {
  const listed = names.map((name) => {
    const path = join(uri, name);
    const status = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (!status) throw changedError(path);
    if (!status.isFile())
      throw new PermanentError(`${path}: this is not a file. Remove it, or give another --source.`);
    return { name, path, status, facts: cache?.find(name, status) };
  });
  const unknown = listed.filter(({ facts }) => !facts);
  const inspected = await inspectFiles(
    unknown.map(({ path }) => path),
    threads,
  );
  const inspectedFacts = new Map(unknown.map(({ name }, index) => [name, inspected[index]]));
  return listed.flatMap(({ name, path, status, facts = inspectedFacts.get(name) }): SourceFile[] => {
    if (!facts) return [];
    cache?.add(name, status, facts);
    const inPlace = { path, fingerprint: fingerprintOf(status), facts };
    return [{ name, symbol: symbolOf(name), bytes: facts.bytes, crc32: facts.crc32, inPlace }];
  });
}
