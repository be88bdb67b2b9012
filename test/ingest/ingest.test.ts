import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../tasks/errors.ts';
import { features } from '../../tasks/features/features.ts';
import { ingest } from '../../tasks/ingest/ingest.ts';
import { shardName, shardOf } from '../../tasks/shards.ts';
import { runTask } from '../command.ts';
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
  metadata,
  query,
  readRows,
  runHere,
} from '../fixtures.ts';

const ALL = '*';
const SYMBOLS = ['AAPL', 'NAN', 'TRUE', 'CARR#', 'LGF.B', 'AGM-A'];
const FILES: Files = Object.fromEntries(
  SYMBOLS.map((symbol, index) => [`stocks/${symbol}.csv`, csvOfVolumes(index, index + 1)]),
);

describe('prices', () => {
  test('have the columns and types of the contract', async () => {
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

  test('hold every number as it is in the file', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csv(
        '2020-01-01,1.2e-05,-0.5,0.1,9.050000190734863,-2.4e+21,123.0',
        '2020-01-02,1.9e19,+1.5,.5,3.,-1E-300,9007199254740991',
        '2020-01-03,-0,1e308,5e-324,2.2250738585072014e-308,170000000000.5,0',
      ),
    });
    expect(await readRows(result, ALL)).toEqual([
      ['A', null, '2020-01-01', 0.000012, -0.5, 0.1, 9.050000190734863, -2.4e21, 123n],
      ['A', null, '2020-01-02', 1.9e19, 1.5, 0.5, 3, -1e-300, 9007199254740991n],
      ['A', null, '2020-01-03', -0, 1e308, 5e-324, 2.2250738585072014e-308, 170000000000.5, 0n],
    ]);
  });

  test('keep a row that has only a date, and count it', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csv('2020-01-01,1,1,1,1,1,1', '2020-01-02,,,,,,'),
    });
    expect(await readRows(result, ALL)).toEqual([
      ['A', null, '2020-01-01', 1, 1, 1, 1, 1, 1n],
      ['A', null, '2020-01-02', null, null, null, null, null, null],
    ]);
    expect(result.metrics).toMatchObject({ files: 1, rows_in: 2, null_rows: 1, rows_quarantined: 0 });
  });

  test('are sorted by symbol and date, whatever the order of the rows', async () => {
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

  test('take their symbols from the names of the files', async () => {
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

  test('lie in the shard of their symbol', async () => {
    const { result } = await ingestFiles(FILES, { shards: 4 });
    const rows = await readRows(result, 'DISTINCT Symbol, parse_filename(filename, true)');
    expect(rows.length).toBe(SYMBOLS.length);
    for (const [symbol, shard] of rows) expect(shard).toBe(shardName(shardOf(String(symbol), 4)));
  });

  test('have no rows where a file has only its header', async () => {
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
    ['spaces round numbers', csv('2020-01-01, 1,1 ,1,1,1,1', '2020-01-02,2,2,2,2,2, 2 ')],
  ])('are the same from a file with %s', async (_kind, content) => {
    const { result } = await ingestFiles({ 'stocks/A.csv': content, 'stocks/B.csv': csvOfVolumes(3) });
    expect(await readRows(result, 'Symbol, Date, "Open", Volume')).toEqual([
      ['A', '2020-01-01', 1, 1n],
      ['A', '2020-01-02', 2, 2n],
      ['B', '2020-01-01', 1, 3n],
    ]);
  });

  test('are found when the folders have names that mean something to a shell', async () => {
    const folder = join(makeFolder(), "it's [a] {copy}* ?");
    const source = await makeSource(
      { 'stocks/A[1].csv': csvOfVolumes(1), 'stocks/A1.csv': csvOfVolumes(2) },
      folder,
    );
    const store = join(folder, 'store');
    expect((await ingestInto(store, source)).outputs[0]?.rows).toBe(2);
    expect((await runHere(features, { window: 2 }, store)).outputs[0]?.rows).toBe(2);
  });
});

describe('Security Name', () => {
  test('is found by NASDAQ Symbol, not by Symbol', async () => {
    const head = 'Nasdaq Traded,Symbol,Security Name,NASDAQ Symbol';
    const { result } = await ingestFiles({
      'stocks/AGM-A.csv': csvOfVolumes(1),
      'stocks/CARR.V.csv': csvOfVolumes(1),
      'stocks/CARR#.csv': csvOfVolumes(1),
      'symbols_valid_meta.csv': `${head}\nY,AGM$A,Agricultural,AGM-A\nY,CARR.V,Carrier,CARR#\n`,
    });
    expect(await readRows(result, 'Symbol, "Security Name"')).toEqual([
      ['AGM-A', 'Agricultural'],
      ['CARR#', 'Carrier'],
      ['CARR.V', null],
    ]);
  });

  test('keeps commas, quotes, spaces and letters as they are', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csvOfVolumes(1),
      'stocks/B.csv': csvOfVolumes(1),
      'stocks/NAN.csv': csvOfVolumes(1),
      'stocks/TRUE.csv': csvOfVolumes(1),
      'symbols_valid_meta.csv': metadata({
        A: '"Agilent Technologies, Inc."',
        B: '"The ""B"" Fund\'s  Trust "',
        NAN: 'Nuveen Ñew York',
        TRUE: 'TrueCar',
      }),
    });
    expect(await readRows(result, 'Symbol, "Security Name"')).toEqual([
      ['A', 'Agilent Technologies, Inc.'],
      ['B', 'The "B" Fund\'s  Trust '],
      ['NAN', 'Nuveen Ñew York'],
      ['TRUE', 'TrueCar'],
    ]);
  });
});

describe('the result', () => {
  test('is of the shape of the contract', async () => {
    const source = await makeSource({
      'stocks/A.csv': csvOfVolumes(1, 2),
      'symbols_valid_meta.csv': metadata({ A: 'Agilent' }),
    });
    const store = makeFolder();
    const result = await runTask(['ingest', '--source', source, '--store', store, '--shards', '2']);
    expect(result).toEqual({
      task: 'ingest',
      status: 'done',
      inputs: [
        {
          name: 'raw',
          uri: source,
          rows: 2,
          bytes: csvOfVolumes(1, 2).length,
          key: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ],
      outputs: [
        {
          name: 'prices',
          uri: join(store, 'prices', String(result.outputs[0]?.key)),
          format: 'parquet',
          key: expect.stringMatching(/^[0-9a-f]{16}$/),
          rows: 2,
          bytes: expect.any(Number),
          columns: expect.any(Array),
        },
      ],
      columnLineage: {
        Symbol: ['raw.file name'],
        'Security Name': ['raw.file name', 'raw.NASDAQ Symbol', 'raw.Security Name'],
        Date: ['raw.Date'],
        Open: ['raw.Open'],
        High: ['raw.High'],
        Low: ['raw.Low'],
        Close: ['raw.Close'],
        'Adj Close': ['raw.Adj Close'],
        Volume: ['raw.Volume'],
      },
      checks: expect.any(Array),
      metrics: {
        files: 1,
        files_with_rows: 1,
        rows_in: 2,
        symbols: 1,
        null_rows: 0,
        zero_volumes: 0,
        rows_quarantined: 0,
        peak_memory_bytes: expect.any(Number),
      },
      seconds: expect.any(Number),
    });
    const sizes = await Promise.all(
      ['shard-00.parquet', 'shard-01.parquet'].map(
        async (name) => (await stat(join(String(result.outputs[0]?.uri), name))).size,
      ),
    );
    expect(result.outputs[0]?.bytes).toBe(sizes.reduce((a, b) => a + b));
  });

  test('names each check that the prices passed', async () => {
    const { result } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(1) });
    expect(result.checks).toEqual([
      { name: 'every_row_came_out_once', severity: 'fail', passed: true, value: 0 },
      { name: 'symbol_and_date_are_unique', severity: 'fail', passed: true, value: 0 },
      { name: 'rows_are_in_order', severity: 'fail', passed: true, value: 0 },
      { name: 'symbol_is_present', severity: 'fail', passed: true, value: 0 },
      { name: 'date_is_a_day', severity: 'fail', passed: true, value: 0 },
      { name: 'prices_are_finite', severity: 'fail', passed: true, value: 0 },
      { name: 'row_has_more_than_a_date', severity: 'warn', passed: true, value: 0 },
      { name: 'high_is_not_below_low', severity: 'warn', passed: true, value: 0 },
      { name: 'price_is_not_negative', severity: 'warn', passed: true, value: 0 },
      { name: 'price_is_below_a_billion', severity: 'warn', passed: true, value: 0 },
      { name: 'every_file_is_accounted_for', severity: 'fail', passed: true, value: 0 },
      { name: 'every_row_is_accounted_for', severity: 'fail', passed: true, value: 0 },
      { name: 'csv_file_lies_where_it_is_read', severity: 'warn', passed: true, value: 0 },
      { name: 'file_has_rows', severity: 'warn', passed: true, value: 0 },
      { name: 'row_is_not_set_aside', severity: 'warn', passed: true, value: 0 },
      { name: 'symbol_has_a_name', severity: 'warn', passed: false, value: 1, examples: ['A'] },
      { name: 'named_symbol_has_a_file', severity: 'warn', passed: true, value: 0 },
      {
        name: 'column_is_nearly_never_null',
        severity: 'warn',
        passed: false,
        value: 1,
        examples: ['Security Name'],
      },
      { name: 'date_is_not_in_the_future', severity: 'warn', passed: true, value: 0 },
      { name: 'month_has_rows', severity: 'warn', passed: true, value: 0 },
      { name: 'month_is_no_gap', severity: 'warn', passed: true, value: 0 },
      { name: 'rows_are_no_fewer_than_before', severity: 'warn', passed: true, value: 0 },
    ]);
  });
});

describe('what is absurd is flagged, not altered:', () => {
  test.each<[string, string, string]>([
    ['a row with only a date', '2020-01-02,,,,,,', 'row_has_more_than_a_date'],
    ['a day to come', '2999-01-02,1,1,1,1,1,1', 'date_is_not_in_the_future'],
    ['a high below the low', '2020-01-02,1,1,2,1,1,1', 'high_is_not_below_low'],
    ['a negative price, as NVO has', '2020-01-02,1,1,-1,1,1,1', 'price_is_not_negative'],
    ['an adjusted close as AAN has', '2020-01-02,1,1,1,1,-2.4e21,1', 'price_is_not_negative'],
    ['a price as TOPS has', '2020-01-02,1.7e11,1.7e11,1,1,1,1', 'price_is_below_a_billion'],
    ['a negative Open', '2020-01-02,-1,1,1,1,1,1', 'price_is_not_negative'],
    ['a negative Close', '2020-01-02,1,1,1,-1,1,1', 'price_is_not_negative'],
    ['an Open of more than a billion', '2020-01-02,1.1e9,1,1,1,1,1', 'price_is_below_a_billion'],
    ['a Close of more than a billion', '2020-01-02,1,1,1,1.1e9,1,1', 'price_is_below_a_billion'],
  ])('%s', async (_kind, row, name) => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csv('2020-01-01,1,1,1,1,1,1', row),
      'symbols_valid_meta.csv': metadata({ A: 'Agilent' }),
    });
    const others = ['month_has_rows', 'column_is_nearly_never_null'];
    expect(result.checks.filter((check) => !check.passed && !others.includes(check.name))).toEqual([
      {
        name,
        severity: 'warn',
        passed: false,
        value: 1,
        examples: [row.startsWith('2999') ? '2999-01-02' : 'A'],
      },
    ]);
    const [date, ...numbers] = row.split(',');
    const values = numbers.map((text) => (text === '' ? null : Number(text)));
    const written = await query(
      `SELECT Date, Open, High, Low, Close, "Adj Close", Volume::DOUBLE FROM '${result.outputs[0]?.uri}/*.parquet'`,
    );
    expect(written.at(-1)).toEqual([date, ...values]);
  });
});

test('what is odd of the whole is counted and told beside the data', async () => {
  const files = {
    'stocks/A.csv': csv('2020-01-01,1,1,1,1,1,1', '2020-04-01,,,,,,'),
    'stocks/B.csv': csvOfVolumes(1, 2),
    'symbols_valid_meta.csv': metadata({ A: 'Agilent', GONE: 'Gone', LOST: 'Lost' }),
  };
  const { store, result } = await ingestFiles(files);
  expect(Object.fromEntries(result.checks.map(({ name, value }) => [name, value]))).toMatchObject({
    row_has_more_than_a_date: 1,
    symbol_has_a_name: 1,
    named_symbol_has_a_file: 2,
    month_has_rows: 2,
    rows_are_no_fewer_than_before: 0,
  });
  const report = await readFile(join(String(result.outputs[0]?.uri), 'checks.md'), 'utf8');
  expect(report).toContain('4 rows in 1 shards');
  expect(report).toContain('| named_symbol_has_a_file | warn | warns | 2 |');
  expect(report).toContain('| every_row_came_out_once | fail | passed | 0 |');
  expect(report).toContain('| symbol_has_a_name | warn | warns | 1 | B |');
  expect(report).toContain('| Volume | 1 | 25.0000 % |');
  expect(report).toContain('| 2020 | 3 |  |  | 1 |  |  |  |  |  |  |  |  |');

  const { 'stocks/B.csv': _gone, ...fewer } = files;
  const source = await makeSource(fewer);
  for (const status of ['done', 'up_to_date']) {
    const second = await ingestInto(store, source);
    expect(second.status).toBe(status);
    expect(second.checks.at(-1)).toEqual({
      name: 'rows_are_no_fewer_than_before',
      severity: 'warn',
      passed: false,
      value: 2,
    });
    expect(await readFile(join(String(second.outputs[0]?.uri), 'checks.md'), 'utf8')).toContain(
      '| rows_are_no_fewer_than_before | warn | warns | 2 |',
    );
    // What prune removes is still known by its number of rows.
    await rm(String(result.outputs[0]?.uri), { recursive: true, force: true });
  }
});

test('the report tells of names that lost their files, though no shard changed', async () => {
  const files = { 'stocks/A.csv': csvOfVolumes(1) };
  const { store, result } = await ingestFiles({
    ...files,
    'symbols_valid_meta.csv': metadata({ A: 'Agilent' }),
  });
  const report = join(String(result.outputs[0]?.uri), 'checks.md');
  expect(await readFile(report, 'utf8')).toContain('| named_symbol_has_a_file | warn | passed | 0 |');
  const names = metadata({ A: 'Agilent', GONE: 'Gone' });
  const again = await ingestInto(store, await makeSource({ ...files, 'symbols_valid_meta.csv': names }));
  expect(again.status).toBe('up_to_date');
  expect(await readFile(report, 'utf8')).toContain('| named_symbol_has_a_file | warn | warns | 1 |');
});

test('UTX# is kept beside UTX, of which it is a copy', async () => {
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

describe('a folder that was ingested before', () => {
  /** As a file is that was not written just now: its times can be trusted. */
  async function settle(path: string): Promise<void> {
    const age = Date.now() - (await stat(path)).ctimeMs;
    await new Promise((done) => setTimeout(done, 2_100 - age));
  }

  test('is not read again', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    const [cache = ''] = await readdir(join(store, 'cache'));
    const known = JSON.parse(await readFile(join(store, 'cache', cache), 'utf8'));
    expect(known['stocks/A.csv'][1]).toMatchObject({ bytes: 88, rows: 2 });
    known['stocks/A.csv'][1].crc32++;
    await writeFile(join(store, 'cache', cache), JSON.stringify(known));
    expect((await ingestInto(store, source)).status).toBe('done');
  });

  test('is read again where a file has changed, be it of the same size', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2), 'stocks/B.csv': csvOfVolumes(3) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    await writeFile(join(source, 'stocks/A.csv'), csvOfVolumes(1, 7));
    const result = await ingestInto(store, source);
    expect(await readRows(result, 'Symbol, Volume')).toEqual([
      ['A', 1n],
      ['A', 7n],
      ['B', 3n],
    ]);
  });

  test('is read where what was kept of it is damaged', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    const [cache = ''] = await readdir(join(store, 'cache'));
    await writeFile(join(store, 'cache', cache), '{"stocks/A.csv":');
    expect((await ingestInto(store, source)).status).toBe('up_to_date');
  });
});

describe('a run', () => {
  test('gives the same key and the same bytes from a folder and from a zip', async () => {
    const { store } = await ingestFiles(FILES, { shards: 4 });
    const other = makeFolder();
    await ingestInto(other, await makeZip(FILES), { shards: 4 });
    expect(Object.keys(hashStore(store)).length).toBe(10);
    expect(hashStore(other)).toEqual(hashStore(store));
  });

  test('gives the same bytes with one thread and with three, in whatever order the rows are', async () => {
    const source = await makeSource({
      ...FILES,
      'stocks/LATE.csv': csv('2020-01-02,2,2,2,2,2,2', '2020-01-01,1,1,1,1,1,1'),
      'stocks/LONG.csv': csvOfVolumes(
        ...Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 100_003),
      ),
    });
    const [one, three] = [makeFolder(), makeFolder()];
    for (const [store, threads] of [
      [one, 1],
      [three, 3],
    ] as const) {
      await runHere(ingest, { source, shards: 3, quarantine: false }, store, threads);
      await runHere(features, { window: 2 }, store, threads);
    }
    expect(hashStore(three)).toEqual(hashStore(one));
  });

  test('is up to date when nothing has changed, and changes nothing', async () => {
    const { store } = await ingestFiles(FILES, { shards: 2 });
    const before = hashStore(store);
    const again = await ingestInto(store, await makeSource(FILES), { shards: 2 });
    expect(again.status).toBe('up_to_date');
    expect(again.outputs[0]?.rows).toBe(12);
    expect(hashStore(store)).toEqual(before);
  });

  test('makes again just the shard of the file that changed', async () => {
    const store = makeFolder();
    const source = await makeSource(FILES);
    const before = await ingestInto(store, source, { shards: 4 });
    await writeFile(join(source, 'stocks/NAN.csv'), csvOfVolumes(7, 7));
    const after = await ingestInto(store, source, { shards: 4 });
    expect(after.status).toBe('done');
    expect(after.outputs[0]?.key).not.toBe(before.outputs[0]?.key);
    for (const index of [0, 1, 2, 3]) {
      const name = `${shardName(index)}.parquet`;
      const [old, now] = await Promise.all(
        [before, after].map((result) => stat(join(String(result.outputs[0]?.uri), name))),
      );
      expect([name, now?.ino === old?.ino]).toEqual([name, index !== shardOf('NAN', 4)]);
    }
    expect(await readRows(after, 'Volume', `${shardName(shardOf('NAN', 4))}.parquet`)).toContainEqual([7n]);
  });

  test('makes a shard again that was lost, and only that', async () => {
    const { store, result } = await ingestFiles(FILES, { shards: 2 });
    const before = hashStore(store);
    const folder = String(result.outputs[0]?.uri);
    const kept = (await stat(join(folder, 'shard-01.parquet'))).ino;
    await writeFile(join(folder, 'shard-00.parquet'), 'PAR1');
    await ingestInto(store, await makeSource(FILES), { shards: 2 });
    expect(hashStore(store)).toEqual(before);
    expect((await stat(join(folder, 'shard-01.parquet'))).ino).toBe(kept);
  });

  test('gives other keys to other names, other shard counts, and quarantine', async () => {
    const { store, result } = await ingestFiles(FILES);
    const source = await makeSource(FILES);
    const named = await makeSource({ ...FILES, 'symbols_valid_meta.csv': metadata({ NAN: 'Nuveen' }) });
    const keys = [result.outputs[0]?.key];
    for (const options of [{ source: named }, { shards: 2 }, { quarantine: true }])
      keys.push((await ingestInto(store, source, options)).outputs[0]?.key);
    expect(new Set(keys).size).toBe(4);
  });

  test('in three parts gives the same bytes as in one', async () => {
    const whole = await ingestFiles(FILES, { shards: 5 });
    const store = makeFolder();
    const source = await makeSource(FILES);
    const parts = await Promise.all(
      [1, 2, 3].map((i) => ingestInto(store, source, { shards: 5, slice: { i, n: 3 } })),
    );
    expect(hashStore(store)).toEqual(hashStore(whole.store));
    expect(parts.reduce((rows, part) => rows + Number(part.outputs[0]?.rows), 0)).toBe(12);
  });

  test('of one part alone publishes no dataset yet', async () => {
    const store = makeFolder();
    const source = await makeSource(FILES);
    await ingestInto(store, source, { shards: 5, slice: { i: 2, n: 5 } });
    await expect(runHere(features, { window: 30 }, store)).rejects.toThrow(InputError);
    expect(Object.keys(hashStore(store)).map((name) => basename(name))).toEqual([
      'shard-01.json',
      'shard-01.parquet',
    ]);
  });

  test('does no harm to another on the same store', async () => {
    const alone = await ingestFiles(FILES, { shards: 4 });
    const store = makeFolder();
    const source = await makeSource(FILES);
    await Promise.all(
      [1, 2, 3].map(() => runTask(['ingest', '--store', store, '--source', source, '--shards', '4'])),
    );
    expect(hashStore(store)).toEqual(hashStore(alone.store));
  });

  test('leaves the source as it was', async () => {
    const source = await makeSource(FILES);
    const copy = join(makeFolder(), 'copy');
    await cp(source, copy, { recursive: true });
    await ingestInto(makeFolder(), source, { quarantine: true });
    expect(hashStore(source)).toEqual(hashStore(copy));
  });
});

describe('--quarantine', () => {
  const mixed: Files = {
    'stocks/A.csv': csv(
      '2020-01-01,1,1,1,1,1,1',
      '2020-01-02,x,1,1,1,1,1',
      '2020-01-03,3,3,3,3,3,3',
      '2020-01-03,4,4,4,4,4,4',
      'junk "with" a quote',
    ),
    'stocks/B.csv': 'Date,Open\n2020-01-01,1\n2020-01-02,2\n',
    'stocks/C.csv': csvOfVolumes(9),
  };

  test('sets bad rows aside and keeps the sound ones', async () => {
    const { result } = await ingestFiles(mixed, { quarantine: true });
    expect(await readRows(result, 'Symbol, Date, Volume')).toEqual([
      ['A', '2020-01-01', 1n],
      ['A', '2020-01-03', 3n],
      ['C', '2020-01-01', 9n],
    ]);
    const header = `the header lacks "High" and "Low" and "Close" and "Adj Close" and "Volume"; it must be ${HEADER}`;
    expect(await readRows(result, 'file, line, reason, text', 'quarantine-*.parquet')).toEqual([
      ['stocks/A.csv', 3n, 'Open "x" is not a number', '2020-01-02,x,1,1,1,1,1'],
      ['stocks/A.csv', 5n, 'Date 2020-01-03 was already on line 4', '2020-01-03,4,4,4,4,4,4'],
      ['stocks/A.csv', 6n, 'there are 1 fields instead of 7', 'junk "with" a quote'],
      ['stocks/B.csv', 1n, header, 'Date,Open'],
      ['stocks/B.csv', 2n, header, '2020-01-01,1'],
      ['stocks/B.csv', 3n, header, '2020-01-02,2'],
    ]);
  });

  test('counts them: rows in are rows out and rows set aside', async () => {
    const { result } = await ingestFiles(mixed, { quarantine: true });
    expect(result.metrics).toMatchObject({ files: 3, rows_in: 8, rows_quarantined: 5 });
    expect(result.outputs[0]?.rows).toBe(3);
  });

  test('leaves no file where no row is bad', async () => {
    const { result } = await ingestFiles(FILES, { quarantine: true });
    expect(await query(`SELECT count(*) FROM glob('${result.outputs[0]?.uri}/quarantine-*')`)).toEqual([
      [0n],
    ]);
    expect(result.metrics.rows_quarantined).toBe(0);
  });

  test('goes on where every row of a shard is bad', async () => {
    const files = { 'stocks/A.csv': csv('a', 'b'), 'stocks/F.csv': csvOfVolumes(1) };
    const { result } = await ingestFiles(files, { quarantine: true, shards: 2 });
    expect(await readRows(result, 'Symbol')).toEqual([['F']]);
    expect(result.metrics).toMatchObject({ rows_in: 3, rows_quarantined: 2 });
  });

  test('takes a file that begins with a blank line for one without its header', async () => {
    const { result } = await ingestFiles(
      { 'stocks/A.csv': `\n${csvOfVolumes(1, 2)}`, 'stocks/B.csv': csvOfVolumes(5) },
      { quarantine: true },
    );
    expect(await readRows(result, 'Symbol, Volume')).toEqual([['B', 5n]]);
    expect(Number(result.metrics.rows_in)).toBe(1 + Number(result.metrics.rows_quarantined));
  });

  test('is up to date on the second run, with the same counts', async () => {
    const { store, result } = await ingestFiles(mixed, { quarantine: true });
    const again = await ingestInto(store, await makeSource(mixed), { quarantine: true });
    expect(again).toMatchObject({ status: 'up_to_date', metrics: result.metrics });
  });

  test('is written with the same bytes each time', async () => {
    const [one, other] = [
      await ingestFiles(mixed, { quarantine: true }),
      await ingestFiles(mixed, { quarantine: true }),
    ];
    const hashes = hashStore(one.store);
    expect(Object.keys(hashes).some((name) => name.includes('quarantine-shard-00.parquet'))).toBe(true);
    expect(hashStore(other.store)).toEqual(hashes);
  });
});
