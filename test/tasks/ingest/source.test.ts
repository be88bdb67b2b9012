import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSource, symbolOf } from '../../../tasks/ingest/source.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import {
  claimSize,
  csvOfVolumes,
  type Files,
  makeFolder,
  makeSource,
  makeZip,
} from '../../support/fixtures.ts';

const FILES: Files = { 'stocks/B.csv': csvOfVolumes(1, 2), 'etfs/A.csv': csvOfVolumes(3) };

describe('symbolOf', () => {
  test.each([
    ['stocks/AAPL.csv', 'AAPL'],
    ['stocks/LGF.B.csv', 'LGF.B'],
    ['stocks/CARR#.csv', 'CARR#'],
    ['stocks/AGM-A.csv', 'AGM-A'],
    ['stocks/_PRN.csv', 'PRN'],
    ['stocks/_COM1.csv', 'COM1'],
    ['stocks/PRN.csv', 'PRN'],
    ['stocks/_OTHER.csv', '_OTHER'],
    ['archive/stocks/NAN.csv', 'NAN'],
  ])('of %s is %s', (name, symbol) => {
    expect(symbolOf(name)).toBe(symbol);
  });
});

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

  test('finds the set below other folders and passes over what is not of it', async () => {
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
    expect(source.passedOver).toEqual(['archive/README.csv']);
    // With the metadata.
    expect(source.csvFiles).toBe(3);
    source.close();
  });

  test('refuses two files of metadata', async () => {
    const path = await make({
      'stocks/A.csv': 'a',
      'symbols_valid_meta.csv': 'm',
      'archive/symbols_valid_meta.csv': 'm',
    });
    await expect(openSource(path)).rejects.toThrow(
      'symbols_valid_meta.csv are both there; remove one of them',
    );
  });

  test('refuses a symbol that has two files', async () => {
    const opening = openSource(await make({ 'stocks/A.csv': 'a', 'etfs/A.csv': 'a' }));
    await expect(opening).rejects.toThrow(
      /etfs\/A\.csv and stocks\/A\.csv are both about A; remove one of them/,
    );
    await expect(opening).rejects.toThrow(PermanentError);
  });

  test('takes PRN.csv and _PRN.csv for the same symbol', async () => {
    await expect(openSource(await make({ 'stocks/PRN.csv': 'a', 'stocks/_PRN.csv': 'a' }))).rejects.toThrow(
      /both about PRN/,
    );
  });

  test('says where the price files should be when there are none', async () => {
    await expect(openSource(await make({ 'prices/A.csv': 'a' }))).rejects.toThrow(
      /holds no stocks\/\*\.csv and no etfs\/\*\.csv; point --source to/,
    );
  });
});

test('openSource names a path where nothing is', async () => {
  const path = join(makeFolder(), 'nothing');
  await expect(openSource(path)).rejects.toThrow(`${path}: no such file or folder; give --source`);
});

test('openSource refuses a file that is no zip', async () => {
  const path = join(makeFolder(), 'prices.csv');
  await writeFile(path, csvOfVolumes(1));
  await expect(openSource(path)).rejects.toThrow(
    `${path}: is no zip, or one that was cut short; fetch the zip again`,
  );
});

test('openSource refuses a zip with a file that is too large to be a symbol’s prices', async () => {
  const path = await makeZip(FILES);
  const zip = await readFile(path);
  claimSize(zip, 'stocks/B.csv', 2 ** 28 + 1);
  await writeFile(path, zip);
  const opening = openSource(path);
  await expect(opening).rejects.toThrow('stocks/B.csv would unpack to 268435457 bytes');
  await expect(opening).rejects.toThrow(PermanentError);
});

test('a folder whose file changes after it was listed is to be tried again, not refused', async () => {
  const folder = await makeSource(FILES);
  const source = await openSource(folder);
  await writeFile(join(folder, 'etfs/A.csv'), csvOfVolumes(4));
  const [first] = source.files;
  const reading = first && source.read(first);
  await expect(reading).rejects.toThrow(/changed while it was read; run ingest again/);
  await expect(reading).rejects.not.toThrow(PermanentError);
});

test('a zip with a byte changed in a file is damaged', async () => {
  const zip = await makeZip({ 'stocks/A.csv': csvOfVolumes(...Array(100).keys()) });
  const content = await readFile(zip);
  // The first time that the name occurs, the file's compressed bytes follow it.
  const position = content.indexOf('stocks/A.csv') + 'stocks/A.csv'.length + 50;
  content.writeUInt8(content.readUInt8(position) ^ 0xff, position);
  await writeFile(zip, content);
  const source = await openSource(zip);
  const [first] = source.files;
  await expect(first && source.read(first)).rejects.toThrow(/stocks\/A\.csv .*fetch the zip again/);
  source.close();
});
