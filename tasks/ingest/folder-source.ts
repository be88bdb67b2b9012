import { statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
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
  const { selected, ...csvFiles } = selectSourceFiles(await listFiles(uri), (name) => name);
  return {
    ...separateMetadata(uri, await inspectFolder(uri, selected, cache, threads)),
    ...csvFiles,
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

async function listFiles(uri: string): Promise<string[]> {
  const entries = await readdir(uri, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(uri, join(entry.parentPath, entry.name)));
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
    if (!status) throw new PermanentError(`${path}: the link points to nothing. Remove it.`);
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
