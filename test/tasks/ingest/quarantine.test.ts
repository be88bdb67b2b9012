import { describe, expect, test } from 'vitest';
import {
  csv,
  csvOfVolumes,
  type Files,
  HEADER,
  hashStore,
  ingestFiles,
  ingestInto,
  makeSource,
  query,
  readRows,
} from '../../support/fixtures.ts';

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

  test('sets bad rows aside and keeps the good ones', async () => {
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

  test('counts them: rows in are rows out plus rows set aside', async () => {
    const { result } = await ingestFiles(mixed, { quarantine: true });
    expect(result.metrics).toMatchObject({ files: 3, rows_in: 8, rows_quarantined: 5 });
    expect(result.outputs[0]?.rows).toBe(3);
  });

  test('writes no file if no row is bad', async () => {
    const { result } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(1) }, { quarantine: true });
    expect(await query(`SELECT count(*) FROM glob('${result.outputs[0]?.uri}/quarantine-*')`)).toEqual([
      [0n],
    ]);
    expect(result.metrics.rows_quarantined).toBe(0);
  });

  test('continues if every row of a shard is bad', async () => {
    const files = { 'stocks/A.csv': csv('a', 'b'), 'stocks/F.csv': csvOfVolumes(1) };
    const { result } = await ingestFiles(files, { quarantine: true, shards: 2 });
    expect(await readRows(result, 'Symbol')).toEqual([['F']]);
    expect(result.metrics).toMatchObject({ rows_in: 3, rows_quarantined: 2 });
  });

  test('treats a file that starts with a blank line as one with a bad header', async () => {
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

  test('writes the same bytes each time', async () => {
    const [one, other] = [
      await ingestFiles(mixed, { quarantine: true }),
      await ingestFiles(mixed, { quarantine: true }),
    ];
    const hashes = hashStore(one.store);
    expect(Object.keys(hashes).some((name) => name.includes('quarantine-shard-00.parquet'))).toBe(true);
    expect(hashStore(other.store)).toEqual(hashes);
  });
});
