import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FeaturesOptions, features } from '../../../tasks/features/features.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
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
  openDatabase,
  readRows,
  runInProcess,
} from '../../support/fixtures.ts';

const FOLDER = new URL('../../../tasks/features/', import.meta.url);

/** Symbol, day of January 2020, Volume, Adj Close. */
type Row = [symbol: string, day: number, volume: number | null, adjClose: number | null];

/** vol_moving_avg and adj_close_rolling_med of each row, computed by features.sql in DuckDB. */
async function computeFeatures(window: number, rows: Row[]): Promise<unknown[][]> {
  await using database = await openDatabase(2);
  const values = rows.map(
    ([symbol, day, volume, adjClose]) =>
      `('${symbol}', '2020-01-${String(day).padStart(2, '0')}', ${volume}::BIGINT, ${adjClose}::DOUBLE)`,
  );
  await database.createView(
    'prices',
    `SELECT *, row_number() OVER (ORDER BY Symbol, Date) AS place
     FROM (VALUES ${values.join()}) AS prices(Symbol, Date, Volume, "Adj Close") ORDER BY place`,
  );
  await database.setVariable('window', window);
  const sql = await readFile(new URL('features.sql', FOLDER), 'utf8');
  const found = await database.connection.run(`SELECT vol_moving_avg, adj_close_rolling_med FROM (${sql})`);
  return (await found.getRowsJS()) as unknown[][];
}

describe('features.sql', () => {
  test('gives the mean volume and the median close of the last three rows', async () => {
    expect(
      await computeFeatures(3, [
        ['A', 1, 10, 5],
        ['A', 2, 20, 1],
        ['A', 3, 30, 3],
        ['A', 4, 70, -2],
        ['A', 5, 0, 100],
      ]),
    ).toEqual([
      [null, null],
      [null, null],
      [20, 3],
      [40, 1],
      [100 / 3, 3],
    ]);
  });

  test('gives the mean of the middle two as the median of an even window', async () => {
    expect(
      await computeFeatures(4, [
        ['A', 1, 1, 8],
        ['A', 2, 2, 1],
        ['A', 3, 3, 4],
        ['A', 4, 4, 2],
        ['A', 5, 10, 100],
      ]),
    ).toEqual([
      [null, null],
      [null, null],
      [null, null],
      [2.5, 3],
      [4.75, 3],
    ]);
  });

  test('spans 30 rows', async () => {
    // Volumes and closes 1 to 31: the first window is 1..30, the second 2..31.
    const rows = Array.from({ length: 31 }, (_, index): Row => ['A', index + 1, index + 1, index + 1]);
    const found = await computeFeatures(30, rows);
    expect(found.slice(0, 29)).toEqual(Array(29).fill([null, null]));
    expect(found.slice(29)).toEqual([
      [15.5, 15.5],
      [16.5, 16.5],
    ]);
  });

  test('is the row itself over a window of one', async () => {
    expect(
      await computeFeatures(1, [
        ['A', 1, 7, 2],
        ['A', 2, null, 3],
      ]),
    ).toEqual([
      [7, 2],
      [null, 3],
    ]);
  });

  test('is null for a feature while its window has a null', async () => {
    expect(
      await computeFeatures(2, [
        ['A', 1, 10, 1],
        ['A', 2, null, 2],
        ['A', 3, 30, 3],
        ['A', 4, 40, null],
        ['A', 5, 50, 5],
        ['A', 6, 60, 7],
      ]),
    ).toEqual([
      [null, null],
      [null, 1.5],
      [null, 2.5],
      [35, null],
      [45, null],
      [55, 6],
    ]);
  });

  test('starts again at each symbol', async () => {
    expect(
      await computeFeatures(2, [
        ['A', 1, 1, 1],
        ['A', 2, 3, 3],
        ['B', 3, 5, 5],
        ['B', 4, 7, 7],
      ]),
    ).toEqual([
      [null, null],
      [2, 2],
      [null, null],
      [6, 6],
    ]);
  });

  test('goes by date, not by the order of rows', async () => {
    expect(
      await computeFeatures(2, [
        ['B', 2, 100, 100],
        ['A', 3, 30, 30],
        ['A', 1, 10, 10],
        ['B', 1, 200, 300],
        ['A', 2, 20, 20],
      ]),
    ).toEqual([
      [null, null],
      [15, 15],
      [25, 25],
      [null, null],
      [150, 200],
    ]);
  });

  test('counts rows, not days', async () => {
    expect(
      await computeFeatures(2, [
        ['A', 1, 1, 1],
        ['A', 31, 3, 3],
      ]),
    ).toEqual([
      [null, null],
      [2, 2],
    ]);
  });

  test('is null for symbols with fewer rows than a window', async () => {
    expect(
      await computeFeatures(3, [
        ['A', 1, 1, 1],
        ['A', 2, 2, 2],
      ]),
    ).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  test('sums volumes beyond 32 and 53 bits', async () => {
    expect(
      await computeFeatures(2, [
        ['A', 1, 1_860_000_000, 1],
        ['A', 2, 1_860_000_002, 1],
        ['B', 1, 9007199254740991, 1],
        ['B', 2, 9007199254740991, 1],
      ]),
    ).toEqual([
      [null, null],
      [1_860_000_001, 1],
      [null, null],
      [9007199254740991, 1],
    ]);
  });

  test('keeps no rounding error of a value that has left the window', async () => {
    const rows: Row[] = [['A', 1, 9_000_000_000_000_000, 2.4e21]];
    for (let day = 2; day <= 6; day++) rows.push(['A', day, 1, 0.1]);
    expect((await computeFeatures(3, rows)).slice(3)).toEqual([
      [1, 0.1],
      [1, 0.1],
      [1, 0.1],
    ]);
  });
});

describe('features-checks.sql', () => {
  /** What each check counts, for features made by hand and prices with this number of rows. */
  async function runChecks(
    window: number,
    prices: number,
    features: string[],
  ): Promise<Record<string, number>> {
    await using database = await openDatabase();
    await database.setVariable('window', window);
    await database.createView('prices', `SELECT * FROM range(${prices})`);
    await database.createView(
      'features',
      `SELECT Symbol, row_number() OVER () AS place, moving_avg::DOUBLE AS vol_moving_avg, rolling_med::DOUBLE AS adj_close_rolling_med, Volume, "Adj Close"
       FROM (VALUES ${features.join()}) AS features(Symbol, moving_avg, rolling_med, Volume, "Adj Close")`,
    );
    await database.createView('counts', await readFile(new URL('features-counts.sql', FOLDER), 'utf8'));
    const rows = await database.rows<{ name: string; value: number | bigint }>(
      await readFile(new URL('features-checks.sql', FOLDER), 'utf8'),
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
  }

  const PASSED = {
    one_row_out_for_one_row_in: 0,
    no_value_before_a_full_window: 0,
    value_after_a_full_window: 0,
    vol_moving_avg_is_not_negative: 0,
    features_are_finite: 0,
  };

  /** A row of features whose price has a volume and a close. */
  const row = (symbol: string, volMovingAvg: string, adjCloseRollingMed: string) =>
    `('${symbol}', ${volMovingAvg}, ${adjCloseRollingMed}, 1, 1)`;

  test('finds nothing in good features', async () => {
    const rows = [row('A', 'NULL', 'NULL'), row('A', '1', '-1'), row('B', 'NULL', 'NULL')];
    expect(await runChecks(2, 3, rows)).toEqual(PASSED);
  });

  test('finds lost rows', async () => {
    expect(await runChecks(2, 5, [row('A', 'NULL', 'NULL'), row('A', '1', '1')])).toEqual({
      ...PASSED,
      one_row_out_for_one_row_in: 3,
    });
  });

  test('finds values before a full window', async () => {
    const rows = [row('A', '1', 'NULL'), row('A', '1', '1'), row('B', 'NULL', 'NULL')];
    expect(await runChecks(2, 3, rows)).toEqual({ ...PASSED, no_value_before_a_full_window: 1 });
  });

  test('finds values in the wrong rows, even if their number is right', async () => {
    const rows = [row('A', '1', '1'), row('A', '1', '1'), row('A', 'NULL', 'NULL'), row('A', '1', '1')];
    expect(await runChecks(2, 4, rows)).toEqual({
      ...PASSED,
      no_value_before_a_full_window: 2,
    });
  });

  test('finds a value of a window with a null', async () => {
    const rows = [
      row('A', 'NULL', 'NULL'),
      `('A', NULL, 1, NULL, 1)`,
      row('A', '1', '1'),
      row('A', '1', '1'),
    ];
    expect(await runChecks(2, 4, rows)).toEqual({ ...PASSED, no_value_before_a_full_window: 1 });
  });

  test('finds missing values of full windows', async () => {
    const rows = ['A', 'B', 'C'].flatMap((symbol) => [row(symbol, 'NULL', 'NULL'), row(symbol, '1', '1')]);
    rows[1] = row('A', 'NULL', '1');
    rows[3] = row('B', '1', 'NULL');
    expect(await runChecks(2, 6, rows)).toEqual({ ...PASSED, value_after_a_full_window: 2 });
  });

  test('expects no values of windows with a null, and all others', async () => {
    // Windows of two rows: row 2 is null, so that the windows of rows 2 and 3 have no value. That
    // of row 4 has.
    const rows = ['NULL', 'NULL', 'NULL', '1'].map((volMovingAvg, index) =>
      index === 1 ? `('A', NULL, 1, NULL, 1)` : row('A', volMovingAvg, index === 0 ? 'NULL' : '1'),
    );
    expect(await runChecks(2, 4, rows)).toEqual(PASSED);
    expect(await runChecks(2, 4, [...rows.slice(0, 3), row('A', 'NULL', '1')])).toEqual({
      ...PASSED,
      value_after_a_full_window: 1,
    });
  });

  test('finds a negative vol_moving_avg and values that are not finite', async () => {
    const rows = [row('A', '-1', '1'), row('A', `'inf'::DOUBLE`, '1'), row('A', '1', `'nan'::DOUBLE`)];
    expect(await runChecks(1, 3, rows)).toEqual({
      ...PASSED,
      vol_moving_avg_is_not_negative: 1,
      features_are_finite: 2,
    });
  });
});

describe('the features task', () => {
  const files: Files = {
    'stocks/A.csv': csvOfVolumes(1, 3, 5),
    'stocks/B.csv': csvOfVolumes(7),
    'etfs/C.csv': csvOfVolumes(2, 4),
  };

  const makeFeatures = (store: string, options: Partial<FeaturesOptions> = {}) =>
    runInProcess(features, { window: 30, ...options }, store);

  test('adds two columns to every row of the prices', async () => {
    const { store } = await ingestFiles({
      'stocks/A.csv': csv('2020-01-02,1,2,3,4,8,20', '2020-01-01,5,6,7,8,9,10'),
    });
    const result = await makeFeatures(store, { window: 2 });
    expect(await readRows(result, '*')).toEqual([
      ['A', null, '2020-01-01', 5, 6, 7, 8, 9, 10n, null, null],
      ['A', null, '2020-01-02', 1, 2, 3, 4, 8, 20n, 15, 8.5],
    ]);
    expect(result.outputs[0]?.columns.slice(-2)).toEqual([
      { name: 'vol_moving_avg', type: 'DOUBLE' },
      { name: 'adj_close_rolling_med', type: 'DOUBLE' },
    ]);
  });

  test('reports its inputs and outputs', async () => {
    const { store, result: ingested } = await ingestFiles(files);
    const prices = ingested.outputs[0];
    const result = await runTask(['features', '--store', store, '--window', '2']);
    expect(result).toMatchObject({
      task: 'features',
      status: 'done',
      inputs: [{ name: 'prices', uri: prices?.uri, key: prices?.key, rows: 6, bytes: prices?.bytes }],
      outputs: [{ name: 'features', format: 'parquet', rows: 6 }],
      columnLineage: {
        vol_moving_avg: ['prices.Symbol', 'prices.Date', 'prices.Volume'],
        adj_close_rolling_med: ['prices.Symbol', 'prices.Date', 'prices.Adj Close'],
      },
      metrics: { symbols: 3, full_windows: 3 },
    });
    expect(result.checks.every(({ passed, value }) => passed && value === 0)).toBe(true);
  });

  test('works on shards without rows', async () => {
    const { store } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(1) }, { shards: 4 });
    expect((await makeFeatures(store)).outputs[0]?.rows).toBe(1);
  });

  test('is up to date in a second run, and has another key for another window', async () => {
    const { store } = await ingestFiles(files);
    const first = await makeFeatures(store);
    const before = hashStore(store);
    const again = await makeFeatures(store);
    expect(again).toMatchObject({ status: 'up_to_date', outputs: first.outputs, metrics: { symbols: 3 } });
    expect(hashStore(store)).toEqual(before);
    const other = await makeFeatures(store, { window: 2 });
    expect(other.status).toBe('done');
    expect(other.outputs[0]?.key).not.toBe(first.outputs[0]?.key);
  });

  test('in two parts gives the same bytes as one run', async () => {
    const [one, other] = [await ingestFiles(files, { shards: 3 }), await ingestFiles(files, { shards: 3 })];
    await makeFeatures(one.store);
    await Promise.all([1, 2].map((index) => makeFeatures(other.store, { shard: { index, count: 2 } })));
    expect(hashStore(other.store)).toEqual(hashStore(one.store));
  });

  test('reads the latest prices, or those of --prices', async () => {
    const { store, result: old } = await ingestFiles(files);
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1) });
    const latest = await ingestInto(store, source);
    expect((await makeFeatures(store)).inputs[0]?.key).toBe(latest.outputs[0]?.key);
    const key = String(old.outputs[0]?.key);
    expect((await makeFeatures(store, { prices: key })).inputs[0]?.key).toBe(key);
  });

  test('asks for ingest if there are no prices', async () => {
    const store = makeFolder();
    await expect(makeFeatures(store)).rejects.toThrow(
      new PermanentError(`${store}/prices: there are no prices in this store; run ingest first`),
    );
  });

  test('lists the keys of prices if --prices is not one of them', async () => {
    const { store, result } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(1, 2) });
    const prices = '0123456789abcdef';
    await expect(runInProcess(features, { window: 2, prices }, store)).rejects.toEqual(
      new PermanentError(
        `${store}/prices/${prices}: there is no such key; run ingest, or use --prices with one of these keys: ${result.outputs[0]?.key}`,
      ),
    );
  });

  test.each([
    ['missing', (path: string) => rm(path)],
    ['truncated', (path: string) => truncate(path, 100)],
  ])('names a shard that is %s, and asks for ingest', async (_kind, spoil) => {
    const store = makeFolder();
    const source = await makeSource(files);
    const result = await ingestInto(store, source, { shards: 2 });
    const before = hashStore(store);
    const folder = String(result.outputs[0]?.uri);
    await spoil(join(folder, 'shard-01.parquet'));
    await expect(makeFeatures(store)).rejects.toThrow(
      new PermanentError(
        `${folder}: shards are missing or truncated: shard-01; make only these again: make run-task TASK=ingest STORE=${store} ARGS="--source ${source} --shards 2"`,
      ),
    );
    await ingestInto(store, source, { shards: 2 });
    expect(hashStore(store)).toEqual(before);
  });

  test('publishes nothing from a damaged shard', async () => {
    const { store, result } = await ingestFiles(files);
    const path = join(String(result.outputs[0]?.uri), 'shard-00.parquet');
    await writeFile(path, Buffer.alloc((await readFile(path)).length));
    const before = hashStore(store);
    await expect(makeFeatures(store)).rejects.toThrow('shard-00.parquet');
    expect(hashStore(store)).toEqual(before);
  });
});
