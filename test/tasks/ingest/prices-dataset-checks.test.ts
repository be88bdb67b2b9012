import { expect, test } from 'vitest';
import { checkPricesDataset, countFutureRows } from '../../../tasks/ingest/prices-dataset-checks.ts';
import { openDataset, type ShardManifest } from '../../../tasks/store/shards.ts';
import { Store } from '../../../tasks/store/store.ts';
import { csv, ingestFiles, openDatabase } from '../../support/fixtures.ts';

const FILE = { name: 'stocks/A.csv', symbol: 'A', bytes: 1, crc32: 1, securityName: 'Agilent' };
// A.csv, the metadata, old.csv, README and .DS_Store.
const SOURCES = {
  files: [FILE],
  ignoredCsvFiles: ['old.csv'],
  ignoredFiles: ['README'],
  systemFileCount: 1,
  entryCount: 5,
};
const NO_FUTURE_ROWS = { rows: 0, examples: [] };
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

/** The failed checks and their counts, for the shard above with these changes. */
function failedChecks(changes: Partial<ShardManifest>, metrics = {}, sources = {}): Record<string, number> {
  const manifest = { ...MANIFEST, ...changes, metrics: { ...MANIFEST.metrics, ...metrics } };
  const checks = checkPricesDataset(
    [manifest],
    { ...SOURCES, names: new Map([['A', 'Agilent']]), ...sources },
    NO_FUTURE_ROWS,
  );
  return Object.fromEntries(
    checks
      .filter(
        ({ name, passed }) => !passed && !['csv_file_is_in_stocks_or_etfs', 'file_is_read'].includes(name),
      )
      .map(({ name, value }) => [name, value]),
  );
}

test.each([
  ['nothing fails for good prices', {}, {}],
  ['a file that is in no shard', { files: 0 }, { every_file_is_accounted_for: 1 }],
  ['a file whose rows have no separate symbol', { symbols: 0 }, { every_file_is_accounted_for: 1 }],
  ['a row that was neither written nor quarantined', { rows_in: 3 }, { every_row_is_accounted_for: 1 }],
  ['rows that were quarantined', { rows_in: 5, rows_quarantined: 3 }, { row_is_not_quarantined: 3 }],
  ['a file with no rows left', { files_with_rows: 0, symbols: 0 }, { file_has_rows: 1 }],
])('%s', (_what, metrics, expected) => {
  expect(failedChecks({}, metrics)).toEqual(expected);
});

test('a file that was neither read nor reported', () => {
  expect(failedChecks({}, {}, { entryCount: 6 })).toEqual({ every_file_is_accounted_for: 1 });
});

test('rows after today are counted', async () => {
  const dates = ['2020-02-03', '2020-02-04', '2020-02-05'];
  const row = (date: string) => `${date},1,1,1,1,1,1`;
  const { store } = await ingestFiles(
    { 'stocks/A.csv': csv(...dates.map(row)), 'stocks/B.csv': csv(...dates.slice(0, 2).map(row)) },
    { shards: 4 },
  );
  const prices = await openDataset('prices', undefined, 'ingest', await Store.open(store));
  await using database = await openDatabase();
  const futureRows = (today: string) => countFutureRows(prices, today, database);
  expect(await futureRows('2020-02-02')).toEqual({
    rows: 5,
    examples: ['A 2020-02-03', 'A 2020-02-04', 'A 2020-02-05', 'B 2020-02-03', 'B 2020-02-04'],
  });
  expect(await futureRows('2020-02-04')).toEqual({ rows: 1, examples: ['A 2020-02-05'] });
  expect(await futureRows('2020-02-05')).toEqual({ rows: 0, examples: [] });
  const checks = checkPricesDataset(
    [MANIFEST],
    { ...SOURCES, names: new Map() },
    { rows: 3, examples: ['A 2020-02-05', 'A 2020-02-04'] },
  );
  expect(checks.find(({ name }) => name === 'date_is_not_in_the_future')).toEqual({
    name: 'date_is_not_in_the_future',
    severity: 'warn',
    passed: false,
    value: 3,
    examples: ['A 2020-02-04', 'A 2020-02-05'],
  });
});

test('a month without a row', () => {
  expect(failedChecks({ months: { '2019-10': 1, '2020-02': 1 } })).toEqual({ month_has_rows: 3 });
});

test.each([
  [
    'a month with less than half the rows of its neighbours',
    { '2020-01': 21, '2020-02': 10, '2020-03': 20 },
    1,
  ],
  ['a month with half the rows of its neighbours', { '2020-01': 20, '2020-02': 10, '2020-03': 20 }, 0],
  ['the first and the last month, which can be incomplete', { '2020-01': 1, '2020-02': 10, '2020-03': 1 }, 0],
])('%s', (_what, months, gaps) => {
  expect(failedChecks({ months }).month_has_enough_rows ?? 0).toBe(gaps);
});

test('a column with more than 1 % NULLs', () => {
  expect(failedChecks({ rows: 100, nulls: { Open: 1, Close: 2 } }, { rows_in: 100 })).toEqual({
    column_has_few_nulls: 1,
  });
});

test('a failed check names the first five by alphabet', () => {
  const names = new Map(['F', 'E', 'D', 'C', 'B', 'A', 'G'].map((symbol) => [symbol, symbol]));
  const checks = checkPricesDataset([MANIFEST], { ...SOURCES, names }, NO_FUTURE_ROWS);
  expect(checks.find(({ name }) => name === 'named_symbol_has_a_file')).toMatchObject({
    value: 6,
    examples: ['B', 'C', 'D', 'E', 'F'],
  });
});
