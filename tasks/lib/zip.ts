import yauzl, { type Entry, type ZipFile } from 'yauzl';

/**
 * Opens a zip and reads its directory. The caller closes it.
 * @throws Error of yauzl if it is not a zip, is truncated, or has a file name that leads out of its
 * folder
 */
export async function openZip(path: string): Promise<{ zip: ZipFile; entries: Entry[] }> {
  const zip = await yauzl.openPromise(path, { autoClose: false });
  try {
    return { zip, entries: await Array.fromAsync(zip.eachEntry()) };
  } catch (error) {
    zip.close();
    throw error;
  }
}
