import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findBadRows } from '../../../tasks/ingest/bad-rows.ts';
import { ingest } from '../../../tasks/ingest/ingest.ts';
import { symbolOf } from '../../../tasks/ingest/source-files.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { shardOf } from '../../../tasks/store/shards.ts';
import { runCli } from '../../support/command.ts';
import {
  csv,
  csvOfVolumes,
  type Files,
  HEADER,
  hashStore,
  ingestFiles,
  ingestInto,
  makeFolder,
  makeSource,
  makeZip,
  readRows,
  runInProcess,
} from '../../support/fixtures.ts';

const GOOD_ROW = '2020-01-01,1,1,1,1,1,1';
const REMEDY = '. Fix the line, or run with --quarantine to set such rows aside.';

/** Ingests a bad source into an empty store. The command line exits with 2 at a PermanentError. */
async function ingestBad(source: string): Promise<{ message: string; published: string[] }> {
  const store = makeFolder();
  const error = await ingestInto(store, source).catch((error) => error);
  expect(error).toBeInstanceOf(PermanentError);
  return { message: error.message, published: Object.keys(hashStore(store)) };
}

describe('a bad row stops ingest; the message names file, line, field and what to do:', () => {
  test.each<[string, string, string]>([
    ['text in a price', csv(GOOD_ROW, '2020-01-02,1,abc,1,1,1,1'), 'line 3: High "abc" is not a number'],
    ['text in a volume', csv('2020-01-02,1,1,1,1,1,"12,3"'), 'line 2: Volume "12,3" is not a number'],
    ['a fractional volume', csv('2020-01-02,1,1,1,1,1,1.5'), 'line 2: Volume "1.5" is not a whole number'],
    ['a negative volume', csv('2020-01-02,1,1,1,1,1,-5'), 'line 2: Volume "-5" is negative'],
    [
      'a very large volume',
      csv('2020-01-02,1,1,1,1,1,1e19'),
      'line 2: Volume "1e19" is more than 9007199254740991',
    ],
    [
      'a volume that a double cannot hold',
      csv('2020-01-02,1,1,1,1,1,9007199254740993'),
      'line 2: Volume "9007199254740993" is more than 9007199254740991',
    ],
    [
      'a comma at the end of a line',
      csv(GOOD_ROW, '2020-01-02,1,1,1,1,1,1,'),
      'line 3: there are 8 fields instead of 7',
    ],
    ['a thirteenth month', csv('2020-13-45,1,1,1,1,1,1'), 'line 2: Date "2020-13-45" is not a date'],
    ['a thirtieth of February', csv('2020-02-30,1,1,1,1,1,1'), 'line 2: Date "2020-02-30" is not a date'],
    ['a word for a date', csv('hello,1,1,1,1,1,1'), 'line 2: Date "hello" is not a date'],
    ['a date with slashes', csv('2020/01/02,1,1,1,1,1,1'), 'line 2: Date "2020/01/02" is not a date'],
    [
      'a date with a time',
      csv('2020-01-02 00:00:00,1,1,1,1,1,1'),
      'line 2: Date "2020-01-02 00:00:00" is not',
    ],
    ['no date', csv(',1,1,1,1,1,1'), 'line 2: Date "" is not a date'],
    ['NaN', csv('2020-01-02,NaN,1,1,1,1,1'), 'line 2: Open "NaN" is not a number'],
    ['inf', csv('2020-01-02,1,inf,1,1,1,1'), 'line 2: High "inf" is not a number'],
    ['-Infinity', csv('2020-01-02,1,1,-Infinity,1,1,1'), 'line 2: Low "-Infinity" is not a number'],
    ['1e400', csv('2020-01-02,1,1,1,1e400,1,1'), 'line 2: Close "1e400" is too large'],
    ['1_000', csv('2020-01-02,1,1,1,1,1_000,1'), 'line 2: Adj Close "1_000" is not a number'],
    ['a hexadecimal number', csv('2020-01-02,0x10,1,1,1,1,1'), 'line 2: Open "0x10" is not a number'],
    ['too few fields', csv(GOOD_ROW, '2020-01-02,1,1,1,1,1'), 'line 3: there are 6 fields instead of 7'],
    ['too many fields', csv(GOOD_ROW, '2020-01-02,1,1,1,1,1,1,1'), 'line 3: there are 8 fields instead of 7'],
    [
      'semicolons instead of commas',
      csv('2020-01-02;1;1;1;1;1;1'),
      'line 2: there are 1 fields instead of 7',
    ],
    ['the same date twice', csv(GOOD_ROW, GOOD_ROW), 'line 3: Date 2020-01-01 was already on line 2'],
    ['an open quote', csv('2020-01-02,1,1,1,1,1,"1', GOOD_ROW), 'line 2: '],
    ['a line end inside quotes', csv('2020-01-02,1,1,1,1,1,"1\n"', GOOD_ROW), 'line 2: '],
    ['an infinite date', csv('infinity,1,1,1,1,1,1'), 'line 2: Date "infinity" is not a date'],
    [
      'a year of five digits',
      csv(GOOD_ROW, '12020-01-01,1,1,1,1,1,1'),
      'line 3: Date "12020-01-01" is not a date',
    ],
    [
      'a year before Christ',
      csv('0001-01-01 (BC),1,1,1,1,1,1'),
      'line 2: Date "0001-01-01 (BC)" is not a date',
    ],
    ['a line of spaces', csv(GOOD_ROW, '   '), 'line 3: there are 1 fields instead of 7'],
    ['a null byte', csv('2020-01-02,1\0,1,1,1,1,1'), 'line 2: Open "1\0" is not a number'],
    ['a second header', csv(GOOD_ROW, HEADER), 'line 3: Date "Date" is not a date'],
    [
      'a missing column',
      'Date,Open,High,Low,Close,Volume\n2020-01-02,1,1,1,1,1\n',
      'line 1: the header lacks "Adj Close"; it must be',
    ],
    ['no header', `${GOOD_ROW}\n`, 'line 1: the header lacks "Date" and'],
    [
      'columns in another order',
      'Date,Open,High,Low,Close,Volume,Adj Close\n',
      'line 1: the header is Date,Open,High,Low,Close,Volume,Adj Close; it must be',
    ],
    ['an empty file', '', 'line 1: the file is empty'],
    [
      'a blank line before the header',
      `\n${csv(GOOD_ROW)}`,
      'line 1: the file starts with a blank line, not with the header',
    ],
  ])('%s', async (_kind, content, reason) => {
    const source = await makeSource({ 'stocks/GOOD.csv': csvOfVolumes(1, 2), 'stocks/ABC.csv': content });
    const { message, published } = await ingestBad(source);
    expect(message).toContain(`${source}: stocks/ABC.csv, ${reason}`);
    expect(message).toContain(REMEDY);
    expect(published).toEqual([]);
  });

  test('bytes that are not UTF-8', async () => {
    const content = Buffer.concat([
      Buffer.from(csv(GOOD_ROW)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(',1,1,1,1,1,1\n'),
    ]);
    const { message, published } = await ingestBad(await makeSource({ 'stocks/ABC.csv': content }));
    expect(message).toContain('stocks/ABC.csv, line 3: Date "\uFFFD\uFFFD" is not a date');
    expect(published).toEqual([]);
  });

  test('the message counts the other bad rows', async () => {
    const { message } = await ingestBad(await makeSource({ 'stocks/ABC.csv': csv('x', 'y', GOOD_ROW, 'z') }));
    expect(message).toContain(`line 2: there are 1 fields instead of 7 (and 2 more bad rows)${REMEDY}`);
  });

  test('of several bad rows the first by shard, file and line is named', async () => {
    const bad = csv(GOOD_ROW, 'x', 'y');
    const names = ['stocks/B.csv', 'stocks/A.csv', 'etfs/C.csv', 'etfs/D.csv'];
    const source = await makeSource(Object.fromEntries(names.map((name) => [name, bad])));
    const ingesting = (shards: number) =>
      runInProcess(ingest, { source, shards, quarantine: false }, makeFolder(), 3);
    await expect(ingesting(1)).rejects.toThrow(`${source}: etfs/C.csv, line 3: `);
    const first = names.map((name) => shardOf(symbolOf(name), 4));
    const [lowest] = names.sort().filter((name) => shardOf(symbolOf(name), 4) === Math.min(...first));
    await expect(ingesting(4)).rejects.toThrow(`${source}: ${lowest}, line 3: `);
  });

  test('a bad row in a zip is named in the same way', async () => {
    const zip = await makeZip({ 'stocks/ABC.csv': csv(GOOD_ROW, '2020-01-02,abc,1,1,1,1,1') });
    const { message, published } = await ingestBad(zip);
    expect(message).toContain(`${zip}: stocks/ABC.csv, line 3: Open "abc" is not a number`);
    expect(published).toEqual([]);
  });
});

test('a bad row ends the command with exit code 2, and changes nothing in the store', async () => {
  const { store } = await ingestFiles({ 'stocks/OLD.csv': csvOfVolumes(1, 2, 3) });
  const before = hashStore(store);
  const source = await makeSource({
    'stocks/ABC.csv': 'Date,Open,High,Low,Close,Volume\n2020-01-02,1,1,1,1,1\n',
  });
  expect(await runCli(['ingest', '--store', store, '--source', source, '--shards', '1'])).toMatchObject({
    code: 2,
    message: `${source}: stocks/ABC.csv, line 1: the header lacks "Adj Close"; it must be ${HEADER} (and 1 more bad rows)${REMEDY}`,
  });
  expect(hashStore(store)).toEqual(before);
});

describe('DuckDB accepts a row or findBadRows finds it, with a field', () => {
  test.each([
    '""',
    '" 1"',
    '\t1',
    '1.',
    '.',
    '+.5',
    '1e',
    '1E+5',
    '1d',
    '1e-400',
    '1.8e308',
    '00012',
    '1 2',
    'null',
    'NULL',
    '\\N',
    '#N/A',
    '1%',
    '$1',
    "'1'",
    '"1"2',
    '1"2"',
    '"1',
    '1;',
    '٣',
    '１',
    '0b1',
    '0o7',
    'true',
    '1__0',
    '_1',
    '--1',
    '-',
    '5e-324',
    '123456789012345678901234567890',
    '0.1e1',
  ])('%s', async (field) => {
    // A and F are in different shards.
    const files = {
      'stocks/A.csv': csv(`2020-01-02,${field},1,1,1,1,1`, '2020-01-03,1,1,1,1,1,1'),
      'stocks/F.csv': csv(`2020-01-02,1,1,1,1,1,${field}`, '2020-01-03,1,1,1,1,1,1'),
    };
    const { result } = await ingestFiles(files, { quarantine: true, shards: 2 });
    const rows = await readRows(result, 'Symbol');
    for (const [name, content] of Object.entries(files)) {
      const bad = findBadRows(Buffer.from(content)).length;
      const kept = rows.filter(([symbol]) => name === `stocks/${symbol}.csv`).length;
      expect([name, kept]).toEqual([name, 2 - bad]);
    }
    expect(rows.length + Number(result.metrics.rows_quarantined)).toBe(4);
  });
});

describe('a source without the layout of the Kaggle set stops ingest', () => {
  const files: Files = {
    'stocks/A.csv': csvOfVolumes(...Array(200).keys()),
    'etfs/B.csv': csvOfVolumes(1, 2),
  };

  async function ingestDamaged(damage: (zip: Buffer) => Buffer) {
    const path = await makeZip(files);
    await writeFile(path, damage(await readFile(path)));
    return { path, ...(await ingestBad(path)) };
  }

  test('if the path does not exist', async () => {
    const path = join(makeFolder(), 'nothing');
    expect(await ingestBad(path)).toEqual({
      message: expect.stringContaining(`${path}: no such file or folder; give --source a folder or a zip`),
      published: [],
    });
  });

  test('if a folder has no price files', async () => {
    const path = await makeSource({ 'stocks/README.txt': 'none' });
    expect(await ingestBad(path)).toEqual({
      message: expect.stringContaining(
        `${path}: there are no stocks/*.csv and no etfs/*.csv. Point --source`,
      ),
      published: [],
    });
  });

  test.each<[string, Files, boolean]>([
    ['no file has a row', { 'stocks/A.csv': csv(), 'etfs/B.csv': HEADER }, false],
    ['no row is good', { 'stocks/A.csv': csv('a', 'b'), 'stocks/B.csv': '' }, true],
  ])('if %s', async (_kind, files, quarantine) => {
    const store = makeFolder();
    const ingesting = ingestInto(store, await makeSource(files), { quarantine });
    await expect(ingesting).rejects.toThrow(
      /prices.*: there are no rows; check the data that it was made from/,
    );
    await expect(ingesting).rejects.toThrow(PermanentError);
    expect(Object.keys(hashStore(store))).not.toContain('prices/latest.json');
  });

  test('if the metadata is missing', async () => {
    const path = await makeSource({ 'stocks/A.csv': csvOfVolumes(1) });
    await rm(join(path, 'symbols_valid_meta.csv'));
    expect(await ingestBad(path)).toEqual({
      message: expect.stringContaining(
        `${path}: symbols_valid_meta.csv is missing. Add the one that came with the prices`,
      ),
      published: [],
    });
  });

  test.each<[string, string, string]>([
    [
      'has other columns',
      'Ticker,Name\nA,Agilent\n',
      'line 1: the header lacks "NASDAQ Symbol" and "Security Name"',
    ],
    ['is empty', '', 'line 1: the file is empty'],
    [
      'has an incomplete row',
      'Security Name,NASDAQ Symbol\nAgilent,A\nBarnes',
      'line 3: there are 1 fields instead of 2',
    ],
  ])('if the metadata %s, in a folder and in a zip', async (_kind, content, reason) => {
    const files: Files = { 'set/stocks/A.csv': csvOfVolumes(1), 'set/symbols_valid_meta.csv': content };
    for (const path of [await makeSource(files), await makeZip(files)])
      expect(await ingestBad(path)).toEqual({
        message: `${path}: set/symbols_valid_meta.csv, ${reason}. Fix the file: it must be CSV with the columns "NASDAQ Symbol" and "Security Name".`,
        published: [],
      });
  });

  test('if one symbol is a stock and an ETF', async () => {
    const path = await makeSource({ 'stocks/A.csv': csvOfVolumes(1), 'etfs/A.csv': csvOfVolumes(1) });
    expect(await ingestBad(path)).toEqual({
      message: expect.stringContaining(
        `${path}: etfs/A.csv and stocks/A.csv are both for the symbol A. Remove one of them.`,
      ),
      published: [],
    });
  });

  test.each<[string, (zip: Buffer) => Buffer]>([
    ['its central directory is incomplete', (zip) => zip.subarray(0, zip.length - 40)],
    ['its second half is missing', (zip) => zip.subarray(0, zip.length / 2)],
    ['it is empty', (zip) => zip.subarray(0, 0)],
    ['its first half is missing', (zip) => zip.subarray(zip.length / 2)],
  ])('if a zip was truncated: %s', async (_kind, damage) => {
    const { path, message, published } = await ingestDamaged(damage);
    expect(message).toContain(path);
    expect(message).toMatch(/fetch (it|the zip) again/);
    expect(published).toEqual([]);
  });

  test.each([10, 60, 200])('if byte %i of a packed file has changed', async (offset) => {
    const { path, message, published } = await ingestDamaged((zip) => {
      const position = zip.indexOf('stocks/A.csv') + 'stocks/A.csv'.length + offset;
      zip.writeUInt8(zip.readUInt8(position) ^ 0x10, position);
      return zip;
    });
    expect(message).toContain(`${path}: stocks/A.csv `);
    expect(message).toContain('fetch the zip again');
    expect(published).toEqual([]);
  });

  test('if a checksum in the central directory has changed', async () => {
    const { path, message, published } = await ingestDamaged((zip) => {
      // The last place of the name is in the central directory. The CRC-32 is 30 bytes before it.
      const position = zip.lastIndexOf('stocks/A.csv') - 30;
      zip.writeUInt32LE(~zip.readUInt32LE(position) >>> 0, position);
      return zip;
    });
    expect(message).toContain(`${path}: stocks/A.csv `);
    expect(published).toEqual([]);
  });
});
