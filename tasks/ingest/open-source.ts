import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PermanentError } from '../lib/errors.ts';
import type { FileFactsCache } from './file-facts-cache.ts';
import { openFolder } from './folder-source.ts';
import { METADATA, type Source } from './source-files.ts';
import { openZipSource } from './zip-source.ts';

/**
 * Opens a folder or a zip of price files.
 * @param remedy what to do about a damaged zip, for error messages
 * @throws PermanentError if the path does not exist, or does not have the layout of a source
 */
export async function openSource(
  path: string,
  cache?: FileFactsCache,
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
  return status.isDirectory() ? openFolder(uri, cache, threads) : openZipSource(uri, remedy);
}
