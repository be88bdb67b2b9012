import { isUtf8 } from 'node:buffer';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

/** The upper byte of "version made by", if a program on Unix made the zip. */
const UNIX = 3;

/**
 * Opens a zip and reads its directory. The caller closes it.
 * @throws Error of yauzl if it is not a zip, is truncated, or has a file name that leads out of its
 * folder
 */
export async function openZip(path: string): Promise<{ zip: ZipFile; entries: Entry[] }> {
  const zip = await yauzl.openPromise(path, { autoClose: false });
  try {
    return { zip, entries: await Array.fromAsync(zip.eachEntry(), withUnixName) };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/**
 * Unix programs write names as they are. yauzl would decode those without the UTF-8 flag by code
 * page 437, and take a backslash for a slash.
 */
function withUnixName(entry: Entry): Entry {
  if (entry.versionMadeBy >> 8 === UNIX && isUtf8(entry.fileNameRaw))
    entry.fileName = entry.fileNameRaw.toString();
  return entry;
}
