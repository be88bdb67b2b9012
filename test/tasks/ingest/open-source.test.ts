import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

  test('finds the files in other folders, and ignores other files', async () => {
    const source = await openSource(
      await make({
        'archive/stocks/A.csv': 'a',
        '__MACOSX/stocks/A.csv': 'x',
        'archive/stocks/._A.csv': 'x',
        'archive/README.csv': 'x',
        'archive/stocks/notes.txt': 'x',
      }),
    );
    expect(source.files.map(({ name }) => name)).toEqual(['archive/stocks/A.csv']);
    expect(source.ignoredCsvFiles).toEqual(['archive/README.csv']);
    // A.csv, README.csv and the metadata.
    expect(source.csvFileCount).toBe(3);
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
