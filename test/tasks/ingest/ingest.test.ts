import { cp, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { ingest } from '../../../tasks/ingest/ingest.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { shardName, shardOf } from '../../../tasks/store/shards.ts';
import { runTask } from '../../support/command.ts';
import {
  csv,
  csvOfVolumes,
  type Files,
  hashStore,
  ingestFiles,
  ingestInto,
  makeFolder,
  makeSource,
  makeZip,
  metadata,
  readRows,
  runInProcess,
} from '../../support/fixtures.ts';

const SYMBOLS = ['AAPL', 'NAN', 'TRUE', 'CARR#', 'LGF.B', 'AGM-A'];
const FILES: Files = Object.fromEntries(
  SYMBOLS.map((symbol, index) => [`stocks/${symbol}.csv`, csvOfVolumes(index, index + 1)]),
);

describe('the result', () => {
  test('has the documented fields', async () => {
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

  test('lists every check', async () => {
    const { result } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(1) });
    expect(result.checks).toEqual([
      { name: 'every_row_came_out_once', severity: 'fail', passed: true, value: 0 },
      { name: 'symbol_and_date_are_unique', severity: 'fail', passed: true, value: 0 },
      { name: 'rows_are_in_order', severity: 'fail', passed: true, value: 0 },
      { name: 'symbol_is_present', severity: 'fail', passed: true, value: 0 },
      { name: 'date_is_valid', severity: 'fail', passed: true, value: 0 },
      { name: 'prices_are_finite', severity: 'fail', passed: true, value: 0 },
      { name: 'row_has_more_than_a_date', severity: 'warn', passed: true, value: 0 },
      { name: 'high_is_not_below_low', severity: 'warn', passed: true, value: 0 },
      { name: 'price_is_not_negative', severity: 'warn', passed: true, value: 0 },
      { name: 'price_is_below_a_billion', severity: 'warn', passed: true, value: 0 },
      { name: 'every_file_is_accounted_for', severity: 'fail', passed: true, value: 0 },
      { name: 'every_row_is_accounted_for', severity: 'fail', passed: true, value: 0 },
      { name: 'csv_file_is_in_stocks_or_etfs', severity: 'warn', passed: true, value: 0 },
      { name: 'file_is_read', severity: 'warn', passed: true, value: 0 },
      { name: 'file_has_rows', severity: 'warn', passed: true, value: 0 },
      { name: 'row_is_not_quarantined', severity: 'warn', passed: true, value: 0 },
      { name: 'symbol_has_a_name', severity: 'warn', passed: false, value: 1, examples: ['A'] },
      { name: 'named_symbol_has_a_file', severity: 'warn', passed: true, value: 0 },
      {
        name: 'column_has_few_nulls',
        severity: 'warn',
        passed: false,
        value: 1,
        examples: ['Security Name'],
      },
      { name: 'date_is_not_in_the_future', severity: 'warn', passed: true, value: 0 },
      { name: 'month_has_rows', severity: 'warn', passed: true, value: 0 },
      { name: 'month_has_enough_rows', severity: 'warn', passed: true, value: 0 },
      { name: 'rows_are_no_fewer_than_before', severity: 'warn', passed: true, value: 0 },
    ]);
  });
});

describe('a run', () => {
  test('gives the same key and bytes from a folder and from a zip', async () => {
    const { store } = await ingestFiles(FILES, { shards: 4 });
    const other = makeFolder();
    await ingestInto(other, await makeZip(FILES), { shards: 4 });
    expect(Object.keys(hashStore(store)).length).toBe(10);
    expect(hashStore(other)).toEqual(hashStore(store));
  });

  test('gives the same bytes with one thread and with three, sorted rows or not', async () => {
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
      await runInProcess(ingest, { source, shards: 3, quarantine: false }, store, threads);
      await runInProcess(features, { window: 2 }, store, threads);
    }
    expect(hashStore(three)).toEqual(hashStore(one));
  });

  test('is up to date if nothing has changed, and writes nothing', async () => {
    const { store } = await ingestFiles(FILES, { shards: 2 });
    const before = hashStore(store);
    const again = await ingestInto(store, await makeSource(FILES), { shards: 2 });
    expect(again.status).toBe('up_to_date');
    expect(again.outputs[0]?.rows).toBe(12);
    expect(hashStore(store)).toEqual(before);
  });

  test('makes only the shard of the changed file again', async () => {
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

  test('makes only a lost shard again', async () => {
    const { store, result } = await ingestFiles(FILES, { shards: 2 });
    const before = hashStore(store);
    const folder = String(result.outputs[0]?.uri);
    const kept = (await stat(join(folder, 'shard-01.parquet'))).ino;
    await writeFile(join(folder, 'shard-00.parquet'), 'PAR1');
    await ingestInto(store, await makeSource(FILES), { shards: 2 });
    expect(hashStore(store)).toEqual(before);
    expect((await stat(join(folder, 'shard-01.parquet'))).ino).toBe(kept);
  });

  test('gives another key for other names, another number of shards, or quarantine', async () => {
    const { store, result } = await ingestFiles(FILES);
    const source = await makeSource(FILES);
    const named = await makeSource({ ...FILES, 'symbols_valid_meta.csv': metadata({ NAN: 'Nuveen' }) });
    const keys = [result.outputs[0]?.key];
    for (const options of [{ source: named }, { shards: 2 }, { quarantine: true }])
      keys.push((await ingestInto(store, source, options)).outputs[0]?.key);
    expect(new Set(keys).size).toBe(4);
  });

  test('in three parts gives the same bytes as one run', async () => {
    const whole = await ingestFiles(FILES, { shards: 5 });
    const store = makeFolder();
    const source = await makeSource(FILES);
    const parts = await Promise.all(
      [1, 2, 3].map((index) => ingestInto(store, source, { shards: 5, shard: { index, count: 3 } })),
    );
    expect(hashStore(store)).toEqual(hashStore(whole.store));
    expect(parts.reduce((rows, part) => rows + Number(part.outputs[0]?.rows), 0)).toBe(12);
  });

  test('of only one part does not publish the dataset', async () => {
    const store = makeFolder();
    const source = await makeSource(FILES);
    await ingestInto(store, source, { shards: 5, shard: { index: 2, count: 5 } });
    await expect(runInProcess(features, { window: 30 }, store)).rejects.toThrow(PermanentError);
    expect(Object.keys(hashStore(store)).map((name) => basename(name))).toEqual([
      'shard-01.json',
      'shard-01.parquet',
    ]);
  });

  test('can run beside others on the same store', async () => {
    const alone = await ingestFiles(FILES, { shards: 4 });
    const store = makeFolder();
    const source = await makeSource(FILES);
    await Promise.all(
      [1, 2, 3].map(() => runTask(['ingest', '--store', store, '--source', source, '--shards', '4'])),
    );
    expect(hashStore(store, 'prices')).toEqual(hashStore(alone.store));
  });

  test('does not change the source', async () => {
    const source = await makeSource(FILES);
    const copy = join(makeFolder(), 'copy');
    await cp(source, copy, { recursive: true });
    await ingestInto(makeFolder(), source, { quarantine: true });
    expect(hashStore(source)).toEqual(hashStore(copy));
  });
});
