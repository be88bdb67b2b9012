import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  csv,
  csvOfVolumes,
  ingestFiles,
  ingestInto,
  makeSource,
  metadata,
  query,
} from '../../support/fixtures.ts';

describe('absurd values are reported, not changed:', () => {
  test.each<[string, string, string]>([
    ['a row with only a date', '2020-01-02,,,,,,', 'row_has_more_than_a_date'],
    ['a date in the future', '2999-01-02,1,1,1,1,1,1', 'date_is_not_in_the_future'],
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
    const others = ['month_has_rows', 'column_has_few_nulls'];
    expect(result.checks.filter((check) => !check.passed && !others.includes(check.name))).toEqual([
      {
        name,
        severity: 'warn',
        passed: false,
        value: 1,
        examples: [row.startsWith('2999') ? 'A 2999-01-02' : 'A'],
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

test('oddities of the whole dataset are counted in the result and in checks.md', async () => {
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
  const summary = await readFile(join(String(result.outputs[0]?.uri), 'checks.md'), 'utf8');
  expect(summary).toContain('4 rows in 1 shard.');
  expect(summary).toContain('| named_symbol_has_a_file | warn | warning | 2 |');
  expect(summary).toContain('| every_row_came_out_once | fail | passed | 0 |');
  expect(summary).toContain('| symbol_has_a_name | warn | warning | 1 | B |');
  expect(summary).toContain('| Volume | 1 | 25.0000 % |');
  expect(summary).toContain('| 2020 | 3 |  |  | 1 |  |  |  |  |  |  |  |  |');

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
      '| rows_are_no_fewer_than_before | warn | warning | 2 |',
    );
    // The number of rows is still known after prune removes the prices.
    await rm(String(result.outputs[0]?.uri), { recursive: true, force: true });
  }
});

test('checks.md lists names without files, even if no shard changed', async () => {
  const files = { 'stocks/A.csv': csvOfVolumes(1) };
  const { store, result } = await ingestFiles({
    ...files,
    'symbols_valid_meta.csv': metadata({ A: 'Agilent' }),
  });
  const summary = join(String(result.outputs[0]?.uri), 'checks.md');
  expect(await readFile(summary, 'utf8')).toContain('| named_symbol_has_a_file | warn | passed | 0 |');
  const names = metadata({ A: 'Agilent', GONE: 'Gone' });
  const again = await ingestInto(store, await makeSource({ ...files, 'symbols_valid_meta.csv': names }));
  expect(again.status).toBe('up_to_date');
  expect(await readFile(summary, 'utf8')).toContain('| named_symbol_has_a_file | warn | warning | 1 |');
});
