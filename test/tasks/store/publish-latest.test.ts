import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { csvOfVolumes, hashStore, ingestFiles, ingestInto, makeSource } from '../../support/fixtures.ts';

/** A file of this many rows for each symbol. */
function filesOf(rows: Record<string, number>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(rows).map(([symbol, count]) => [
      `stocks/${symbol}.csv`,
      csvOfVolumes(...Array(count).fill(100)),
    ]),
  );
}

const FULL = { A: 10, B: 10, C: 10, D: 10 };

// Of 40 rows, 4 are a tenth; of 4 symbols, 1 is a quarter.
test.each<[string, Record<string, number>, number]>([
  ['a tenth of the rows, with 0.1', { A: 10, B: 10, C: 10, D: 6 }, 0.1],
  ['a symbol of four, with 0.25', { A: 10, B: 10, C: 10 }, 0.25],
  ['nearly everything, with 1', { A: 1 }, 1],
])('prices may lack %s', async (_what, rows, maxShrink) => {
  const { store } = await ingestFiles(filesOf(FULL));
  const source = await makeSource(filesOf(rows));
  const { outputs, checks } = await ingestInto(store, source, { maxShrink });
  expect(latestKey(store)).toBe(outputs[0]?.key);
  expect(checks.find(({ name }) => name === 'rows_are_no_fewer_than_before')).toMatchObject({
    passed: false,
  });
  // The smaller prices were accepted, so a run with the usual limit does not fail.
  expect(await ingestInto(store, source, { maxShrink: 0.1 })).toMatchObject({ status: 'up_to_date' });
});

test.each<[string, Record<string, number>, number, string]>([
  [
    'an eighth of the rows, with 0.1',
    { A: 10, B: 10, C: 10, D: 5 },
    0.1,
    'there are 35 rows, but prices/OLD has 40, and --max-shrink is 0.1',
  ],
  [
    'a symbol of four, with 0.24',
    { A: 14, B: 13, C: 13 },
    0.24,
    'there are 3 symbols, but prices/OLD has 4, and --max-shrink is 0.24',
  ],
  ['one row, with 0', { A: 10, B: 10, C: 10, D: 9 }, 0, 'there are 39 rows, but prices/OLD has 40'],
])('prices that lack %s are refused, and the latest stay', async (_what, rows, maxShrink, reason) => {
  const { store } = await ingestFiles(filesOf(FULL));
  const before = hashStore(store);
  const old = latestKey(store);
  const ingesting = ingestInto(store, await makeSource(filesOf(rows)), { maxShrink });
  await expect(ingesting).rejects.toThrow(PermanentError);
  await expect(ingesting).rejects.toThrow(reason.replace('OLD', old));
  await expect(ingesting).rejects.toThrow('use --max-shrink 1');
  expect(hashStore(store)).toMatchObject(before);
  expect(latestKey(store)).toBe(old);
});

function latestKey(store: string): string {
  return JSON.parse(readFileSync(join(store, 'prices/latest.json'), 'utf8')).key;
}
