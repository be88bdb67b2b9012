import { expect, test } from 'vitest';
import { countRowsToCome, reviewPrices } from '../../../tasks/ingest/review.ts';
import { openDataset, type ShardManifest } from '../../../tasks/store/shards.ts';
import { Store } from '../../../tasks/store/store.ts';
import { csv, ingestFiles, openDatabase } from '../../support/fixtures.ts';

const FILE = { name: 'stocks/A.csv', symbol: 'A', bytes: 1, crc32: 1, securityName: 'Agilent' };
const SOURCES = { files: [FILE], passedOver: ['old.csv'], csvFiles: 3 };
const MANIFEST: ShardManifest = {
  key: 'key',
  shards: 1,
  rows: 2,
  files: [],
  checks: [],
  nulls: { Open: 0 },
  months: { '2020-01': 1, '2020-02': 1 },
  lastDate: '2020-02-03',
  etfs: [],
  parameters: {},
  metrics: { files: 1, files_with_rows: 1, rows_in: 2, symbols: 1, rows_quarantined: 0 },
};

/** What each broken check counts, of one shard as it is but for these changes. */
function broken(changes: Partial<ShardManifest>, metrics = {}, sources = {}): Record<string, number> {
  const manifest = { ...MANIFEST, ...changes, metrics: { ...MANIFEST.metrics, ...metrics } };
  const checks = reviewPrices(
    [manifest],
    { ...SOURCES, names: new Map([['A', 'Agilent']]), ...sources },
    new Map(),
  );
  return Object.fromEntries(
    checks
      .filter(({ name, passed }) => !passed && name !== 'csv_file_lies_where_it_is_read')
      .map(({ name, value }) => [name, value]),
  );
}

test.each([
  ['nothing is broken in sound prices', {}, {}],
  ['a file that no shard took', { files: 0 }, { every_file_is_accounted_for: 1 }],
  ['a file whose rows are under no symbol of their own', { symbols: 0 }, { every_file_is_accounted_for: 1 }],
  ['a row that neither came out nor was set aside', { rows_in: 3 }, { every_row_is_accounted_for: 1 }],
  ['rows that were set aside', { rows_in: 5, rows_quarantined: 3 }, { row_is_not_set_aside: 3 }],
  ['a file of which no row is left', { files_with_rows: 0, symbols: 0 }, { file_has_rows: 1 }],
])('%s', (_what, metrics, expected) => {
  expect(broken({}, metrics)).toEqual(expected);
});

test('a file of which nothing was said but that it is there', () => {
  expect(broken({}, {}, { csvFiles: 4 })).toEqual({ every_file_is_accounted_for: 1 });
});

test('rows of days to come are counted until the days have come', async () => {
  const dates = ['2020-02-03', '2020-02-04', '2020-02-05'];
  const row = (date: string) => `${date},1,1,1,1,1,1`;
  const { store } = await ingestFiles(
    { 'stocks/A.csv': csv(...dates.map(row)), 'stocks/B.csv': csv(...dates.slice(0, 2).map(row)) },
    { shards: 4 },
  );
  const { shards } = await openDataset('prices', undefined, 'ingest', await Store.open(store));
  await using database = await openDatabase();
  const toCome = async (today: string) => Object.fromEntries(await countRowsToCome(shards, today, database));
  expect(await toCome('2020-02-02')).toEqual({ '2020-02-03': 2, '2020-02-04': 2, '2020-02-05': 1 });
  expect(await toCome('2020-02-04')).toEqual({ '2020-02-05': 1 });
  expect(await toCome('2020-02-05')).toEqual({});
  const checks = reviewPrices(
    [MANIFEST],
    { ...SOURCES, names: new Map() },
    new Map([
      ['2020-02-05', 1],
      ['2020-02-04', 2],
    ]),
  );
  expect(checks.find(({ name }) => name === 'date_is_not_in_the_future')).toEqual({
    name: 'date_is_not_in_the_future',
    severity: 'warn',
    passed: false,
    value: 3,
    examples: ['2020-02-04', '2020-02-05'],
  });
});

test('a month without a row', () => {
  expect(broken({ months: { '2019-10': 1, '2020-02': 1 } })).toEqual({ month_has_rows: 3 });
});

test.each([
  [
    'a month with less than half the rows of its neighbours',
    { '2020-01': 21, '2020-02': 10, '2020-03': 20 },
    1,
  ],
  ['a month with half the rows of its neighbours', { '2020-01': 20, '2020-02': 10, '2020-03': 20 }, 0],
  ['the first and the last month, which may be cut off', { '2020-01': 1, '2020-02': 10, '2020-03': 1 }, 0],
])('%s', (_what, months, gaps) => {
  expect(broken({ months }).month_is_no_gap ?? 0).toBe(gaps);
});

test('columns of which more than one value in a hundred is NULL', () => {
  expect(broken({ rows: 100, nulls: { Open: 1, Close: 2 } }, { rows_in: 100 })).toEqual({
    column_is_nearly_never_null: 1,
  });
});

test('what breaks a check is named, the first five by the alphabet', () => {
  const names = new Map(['F', 'E', 'D', 'C', 'B', 'A', 'G'].map((symbol) => [symbol, symbol]));
  const checks = reviewPrices([MANIFEST], { ...SOURCES, names }, new Map());
  expect(checks.find(({ name }) => name === 'named_symbol_has_a_file')).toMatchObject({
    value: 6,
    examples: ['B', 'C', 'D', 'E', 'F'],
  });
});
