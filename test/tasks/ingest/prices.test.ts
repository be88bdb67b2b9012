import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { shardName, shardOf } from '../../../tasks/store/shards.ts';
import {
  csv,
  csvOfVolumes,
  type Files,
  HEADER,
  ingestFiles,
  ingestInto,
  makeFolder,
  makeSource,
  readRows,
  runInProcess,
} from '../../support/fixtures.ts';

const SYMBOLS = ['AAPL', 'NAN', 'TRUE', 'CARR#', 'LGF.B', 'AGM-A'];
const FILES: Files = Object.fromEntries(
  SYMBOLS.map((symbol, index) => [`stocks/${symbol}.csv`, csvOfVolumes(index, index + 1)]),
);

describe('prices', () => {
  test('have the documented columns and types', async () => {
    const { result } = await ingestFiles(FILES);
    expect(result.outputs[0]?.columns).toEqual([
      { name: 'Symbol', type: 'VARCHAR' },
      { name: 'Security Name', type: 'VARCHAR' },
      { name: 'Date', type: 'VARCHAR' },
      { name: 'Open', type: 'DOUBLE' },
      { name: 'High', type: 'DOUBLE' },
      { name: 'Low', type: 'DOUBLE' },
      { name: 'Close', type: 'DOUBLE' },
      { name: 'Adj Close', type: 'DOUBLE' },
      { name: 'Volume', type: 'BIGINT' },
    ]);
  });

  test('have every number as it is in the file', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csv(
        '2020-01-01,1.2e-05,-0.5,0.1,9.050000190734863,-2.4e+21,123.0',
        '2020-01-02,1.9e19,+1.5,.5,3.,-1E-300,9007199254740991',
        '2020-01-03,-0,1e308,5e-324,2.2250738585072014e-308,170000000000.5,0',
      ),
    });
    expect(await readRows(result, '*')).toEqual([
      ['A', null, '2020-01-01', 0.000012, -0.5, 0.1, 9.050000190734863, -2.4e21, 123n],
      ['A', null, '2020-01-02', 1.9e19, 1.5, 0.5, 3, -1e-300, 9007199254740991n],
      ['A', null, '2020-01-03', -0, 1e308, 5e-324, 2.2250738585072014e-308, 170000000000.5, 0n],
    ]);
  });

  test('keep a row that has only a date, and count it', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csv('2020-01-01,1,1,1,1,1,1', '2020-01-02,,,,,,'),
    });
    expect(await readRows(result, '*')).toEqual([
      ['A', null, '2020-01-01', 1, 1, 1, 1, 1, 1n],
      ['A', null, '2020-01-02', null, null, null, null, null, null],
    ]);
    expect(result.metrics).toMatchObject({ files: 1, rows_in: 2, null_rows: 1, rows_quarantined: 0 });
  });

  test('are sorted by symbol and date', async () => {
    const { result } = await ingestFiles({
      'stocks/B.csv': csv('2020-01-02,2,2,2,2,2,2', '2019-12-31,0,0,0,0,0,0', '2020-01-01,1,1,1,1,1,1'),
      'etfs/A.csv': csv('2020-01-01,5,5,5,5,5,5'),
    });
    expect(await readRows(result, 'Symbol, Date, Volume')).toEqual([
      ['A', '2020-01-01', 5n],
      ['B', '2019-12-31', 0n],
      ['B', '2020-01-01', 1n],
      ['B', '2020-01-02', 2n],
    ]);
  });

  test('take the symbols from the file names', async () => {
    const { result } = await ingestFiles(
      {
        ...FILES,
        'stocks/_PRN.csv': csvOfVolumes(1),
        'etfs/NULL.csv': csvOfVolumes(1),
        'etfs/007.csv': csvOfVolumes(1),
      },
      { shards: 3 },
    );
    expect((await readRows(result, 'DISTINCT Symbol')).flat().sort()).toEqual(
      [...SYMBOLS, 'PRN', 'NULL', '007'].sort(),
    );
  });

  test('are in the shard of their symbol', async () => {
    const { result } = await ingestFiles(FILES, { shards: 4 });
    const rows = await readRows(result, 'DISTINCT Symbol, parse_filename(filename, true)');
    expect(rows.length).toBe(SYMBOLS.length);
    for (const [symbol, shard] of rows) expect(shard).toBe(shardName(shardOf(String(symbol), 4)));
  });

  test('have no rows of a file with only a header', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': `${HEADER}\n`,
      'stocks/B.csv': HEADER,
      'stocks/C.csv': csvOfVolumes(1),
    });
    expect(await readRows(result, 'Symbol')).toEqual([['C']]);
    expect(result.metrics).toMatchObject({ files: 3, rows_in: 1 });
  });

  test.each<[string, string | Buffer]>([
    ['CRLF', `${HEADER}\r\n2020-01-01,1,1,1,1,1,1\r\n2020-01-02,2,2,2,2,2,2\r\n`],
    ['mixed line ends', `${HEADER}\r\n2020-01-01,1,1,1,1,1,1\n2020-01-02,2,2,2,2,2,2\r\n`],
    ['mixed line ends after LF', `${HEADER}\n2020-01-01,1,1,1,1,1,1\r\n2020-01-02,2,2,2,2,2,2\n`],
    ['no line end at the end', csv('2020-01-01,1,1,1,1,1,1', '2020-01-02,2,2,2,2,2,2').trimEnd()],
    ['blank lines', csv('2020-01-01,1,1,1,1,1,1', '', '', '2020-01-02,2,2,2,2,2,2', '')],
    ['a byte-order mark', `\uFEFF${csv('2020-01-01,1,1,1,1,1,1', '2020-01-02,2,2,2,2,2,2')}`],
    ['quotes', csv('"2020-01-01","1","1","1","1","1","1"', '2020-01-02,2,"2",2,2,2,2')],
    ['spaces around numbers', csv('2020-01-01, 1,1 ,1,1,1,1', '2020-01-02,2,2,2,2,2, 2 ')],
  ])('are the same from a file with %s', async (_kind, content) => {
    const { result } = await ingestFiles({ 'stocks/A.csv': content, 'stocks/B.csv': csvOfVolumes(3) });
    expect(await readRows(result, 'Symbol, Date, "Open", Volume')).toEqual([
      ['A', '2020-01-01', 1, 1n],
      ['A', '2020-01-02', 2, 2n],
      ['B', '2020-01-01', 1, 3n],
    ]);
  });

  test('can come from paths with special characters', async () => {
    const folder = join(makeFolder(), "it's [a] {copy}* ?");
    const source = await makeSource(
      { 'stocks/A[1].csv': csvOfVolumes(1), 'stocks/A1.csv': csvOfVolumes(2) },
      folder,
    );
    const store = join(folder, 'store');
    expect((await ingestInto(store, source)).outputs[0]?.rows).toBe(2);
    expect((await runInProcess(features, { window: 2 }, store)).outputs[0]?.rows).toBe(2);
  });
});

test('UTX# is kept beside UTX, although the files are equal', async () => {
  const content = csvOfVolumes(1, 2);
  const { result } = await ingestFiles({ 'stocks/UTX.csv': content, 'stocks/UTX#.csv': content });
  expect(await readRows(result, 'Symbol, Volume')).toEqual([
    ['UTX', 1n],
    ['UTX', 2n],
    ['UTX#', 1n],
    ['UTX#', 2n],
  ]);
});

test('volumes of 0 are kept and counted', async () => {
  const { result } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(0, 5, 0) });
  expect(await readRows(result, 'Volume')).toEqual([[0n], [5n], [0n]]);
  expect(result.metrics).toMatchObject({ zero_volumes: 2, null_rows: 0 });
});
