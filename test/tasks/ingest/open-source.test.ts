import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openSource } from '../../../tasks/ingest/open-source.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import {
  csvOfVolumes,
  type Files,
  makeFolder,
  makeSource,
  makeZip,
  setClaimedSize,
} from '../../support/fixtures.ts';

const FILES: Files = { 'stocks/B.csv': csvOfVolumes(1, 2), 'etfs/A.csv': csvOfVolumes(3) };

describe.each([
  ['a folder', makeSource],
  ['a zip', makeZip],
])('openSource of %s', (_kind, make) => {
  test('lists price files by name, with size and CRC-32', async () => {
    // crc32 and bytes by Python: zlib.crc32(open(name, 'rb').read())
    const source = await openSource(await make({ 'stocks/B.csv': 'hello', 'etfs/A.csv': 'ab' }));
    expect(source.files.map(({ inPlace, ...file }) => file)).toEqual([
      { name: 'etfs/A.csv', symbol: 'A', bytes: 2, crc32: 0x9e83486d },
      { name: 'stocks/B.csv', symbol: 'B', bytes: 5, crc32: 0x3610a686 },
    ]);
    source.close();
  });

  test('reads the bytes of a file', async () => {
    const source = await openSource(await make(FILES));
    const [first] = source.files;
    expect(first && String(await source.read(first))).toBe(FILES['etfs/A.csv']);
    source.close();
  });

  test('finds the files in other folders, and reports what it does not read', async () => {
    const source = await openSource(
      await make({
        'archive/stocks/A.csv': 'a',
        '__MACOSX/stocks/A.csv': 'x',
        'archive/stocks/._A.csv': 'x',
        'archive/README.csv': 'x',
        'archive/stocks/notes.txt': 'x',
        'archive/stocks/old/B.csv': 'x',
        'archive/stocks/C.CSV': 'c',
        'archive/stocks/.D.csv': 'd',
        'archive/etfs/E.csv.gz': 'x',
        'etfs.txt': 'x',
        '.hidden': 'x',
        '.DS_Store': 'x',
      }),
    );
    expect(source.files.map(({ name }) => name)).toEqual([
      'archive/stocks/.D.csv',
      'archive/stocks/A.csv',
      'archive/stocks/C.CSV',
    ]);
    expect(source.ignoredCsvFiles.toSorted()).toEqual([
      'archive/README.csv',
      'archive/etfs/E.csv.gz',
      'archive/stocks/old/B.csv',
    ]);
    expect(source.ignoredFiles.toSorted()).toEqual(['.hidden', 'archive/stocks/notes.txt', 'etfs.txt']);
    expect(source.systemFileCount).toBe(3);
    // The above and the metadata.
    expect(source.entryCount).toBe(3 + 3 + 3 + 3 + 1);
    source.close();
  });

  test('refuses two metadata files', async () => {
    const path = await make({
      'stocks/A.csv': 'a',
      'symbols_valid_meta.csv': 'm',
      'archive/symbols_valid_meta.csv': 'm',
    });
    await expect(openSource(path)).rejects.toThrow(
      /two files of metadata, .*symbols_valid_meta\.csv\. Remove one of them\./,
    );
  });

  test('refuses two files for one symbol', async () => {
    const opening = openSource(await make({ 'stocks/A.csv': 'a', 'etfs/A.csv': 'a' }));
    await expect(opening).rejects.toThrow(
      /etfs\/A\.csv and stocks\/A\.csv are both for the symbol A\. Remove one of them\./,
    );
    await expect(opening).rejects.toThrow(PermanentError);
  });

  test('treats PRN.csv and _PRN.csv as the same symbol', async () => {
    await expect(openSource(await make({ 'stocks/PRN.csv': 'a', 'stocks/_PRN.csv': 'a' }))).rejects.toThrow(
      /both for the symbol PRN/,
    );
  });

  test('tells where price files must be if there are none', async () => {
    await expect(openSource(await make({ 'prices/A.csv': 'a' }))).rejects.toThrow(
      /there are no stocks\/\*\.csv and no etfs\/\*\.csv\. Point --source to/,
    );
  });
});

test('an empty folder is reported, in a folder and in a zip', async () => {
  const folder = await makeSource({ 'stocks/A.csv': 'a' });
  await mkdir(join(folder, 'etfs/old'), { recursive: true });
  const zip = join(makeFolder(), 'source.zip');
  await promisify(execFile)('python3', ['-m', 'zipfile', '-c', zip, ...(await entriesOf(folder))]);
  for (const path of [folder, zip]) {
    const source = await openSource(path);
    expect(source.ignoredFiles).toEqual(['etfs/old/']);
    expect(source.entryCount).toBe(3);
    source.close();
  }
});

describe('a link in a folder', () => {
  test('to another folder or file is followed', async () => {
    const elsewhere = await makeSource({ 'B.csv': csvOfVolumes(1), 'C.csv': csvOfVolumes(1) });
    await rm(join(elsewhere, 'symbols_valid_meta.csv'));
    const folder = await makeSource({ 'stocks/A.csv': csvOfVolumes(1) });
    await symlink(elsewhere, join(folder, 'etfs'));
    await symlink(join(elsewhere, 'C.csv'), join(folder, 'stocks/D.csv'));
    const source = await openSource(folder);
    expect(source.files.map(({ name }) => name)).toEqual([
      'etfs/B.csv',
      'etfs/C.csv',
      'stocks/A.csv',
      'stocks/D.csv',
    ]);
    expect(source.entryCount).toBe(5);
  });

  test.each([
    ['to nothing', 'etfs', 'nowhere', /etfs: the link points to nothing\. Remove it\./],
    ['to itself', 'etfs', 'etfs', /etfs: the link points to nothing\. Remove it\./],
    ['to a folder above', 'stocks/up', '..', /the same folder as .*, through a link\. Remove the link\./],
    ['to a folder beside it', 'etfs', 'stocks', /the same folder as .*, through a link\. Remove the link\./],
  ])('%s is refused', async (_where, name, target, message) => {
    const folder = await makeSource({ 'stocks/A.csv': 'a' });
    await symlink(target, join(folder, name));
    const opening = openSource(folder);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toThrow(PermanentError);
  });
});

test('openSource refuses a name that is not UTF-8', async () => {
  const folder = await makeSource({ 'stocks/A.csv': 'a' });
  const name = Buffer.concat([Buffer.from(`${folder}/stocks/`), Buffer.from([0xe9]), Buffer.from('.csv')]);
  await writeFile(name, 'a');
  await expect(openSource(folder)).rejects.toThrow(/this name is not UTF-8\. Rename the file or folder\./);
});

// A directory entry has the flags at byte 8, the method at byte 10, and the mode at byte 40.
test.each([
  ['an encrypted file', 8, 1, /stocks\/B\.csv is encrypted; .* Unpack the zip with another tool/],
  [
    'a file packed by Deflate64',
    10,
    9,
    /stocks\/B\.csv is packed by method 9; .* give the folder as --source/,
  ],
  ['a link', 40, 0o120777, /stocks\/B\.csv is a link\. Pack the files themselves, or unpack the zip/],
])('openSource refuses a zip with %s', async (_what, position, value, message) => {
  const path = await makeZip(FILES);
  const zip = await readFile(path);
  zip.writeUInt16LE(value, zip.lastIndexOf('stocks/B.csv') - 46 + position);
  await writeFile(path, zip);
  const opening = openSource(path);
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.toThrow(PermanentError);
});

test('openSource names a path that does not exist', async () => {
  const path = join(makeFolder(), 'nothing');
  await expect(openSource(path)).rejects.toThrow(`${path}: no such file or folder; give --source`);
});

test('openSource refuses a file that is not a zip', async () => {
  const path = join(makeFolder(), 'prices.csv');
  await writeFile(path, csvOfVolumes(1));
  await expect(openSource(path)).rejects.toThrow(
    `${path}: not a zip file, or it is truncated; fetch the zip again`,
  );
});

test('openSource refuses a zip with a file that is too large', async () => {
  const path = await makeZip(FILES);
  const zip = await readFile(path);
  setClaimedSize(zip, 'stocks/B.csv', 2 ** 28 + 1);
  await writeFile(path, zip);
  const opening = openSource(path);
  await expect(opening).rejects.toThrow('stocks/B.csv would unpack to 268435457 bytes');
  await expect(opening).rejects.toThrow(PermanentError);
});

test('a file that changes after the folder was listed is not a permanent error', async () => {
  const folder = await makeSource(FILES);
  const source = await openSource(folder);
  await writeFile(join(folder, 'etfs/A.csv'), csvOfVolumes(4));
  const [first] = source.files;
  const reading = first && source.read(first);
  await expect(reading).rejects.toThrow(/the file changed while it was read\. Run ingest again\./);
  await expect(reading).rejects.not.toThrow(PermanentError);
});

test('a changed byte in a zip is found', async () => {
  const zip = await makeZip({ 'stocks/A.csv': csvOfVolumes(...Array(100).keys()) });
  const content = await readFile(zip);
  // The compressed bytes follow the first place of the name.
  const position = content.indexOf('stocks/A.csv') + 'stocks/A.csv'.length + 50;
  content.writeUInt8(content.readUInt8(position) ^ 0xff, position);
  await writeFile(zip, content);
  const source = await openSource(zip);
  const [first] = source.files;
  await expect(first && source.read(first)).rejects.toThrow(/stocks\/A\.csv .*fetch the zip again/);
  source.close();
});

async function entriesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).map((name) => join(folder, name));
}
