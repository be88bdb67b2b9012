import { beforeEach, expect, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { isOlder } from '../../../tasks/promote/is-older.ts';
import { promote } from '../../../tasks/promote/promote.ts';
import type { TaskResult } from '../../../tasks/store/result.ts';
import { csv, ingestFiles, ingestInto, makeSource, runInProcess } from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

const TODAY = '2020-06-10';
const GATES = { maxMaeRatio: 1.02, maxRmsleRatio: 1.02, minCoverage: 0, maxCoverage: 1 };

let store: string;
let key: string;

// The latest features have rows of 2020-06-01 to 2020-06-05.
beforeEach(async () => {
  store = (await ingestFiles(filesUntil('2020-06-05'))).store;
  key = await makeFeatures();
});

it.each([
  // The date decides.
  ['2020-06-06', '2020-06-06', 'latest', false],
  ['2020-06-07', '2020-06-06', 'latest', false],
  ['2020-06-06', '2020-06-07', 'latest', true],
  ['2020-06-06', '2020-06-10', 'latest', true],
  ['2020-06-06', '2020-06-07', undefined, true],
  // The champion's date is after today: the row of 06-05 decides.
  ['2020-06-06', '2020-06-11', 'latest', false],
  ['2020-06-06', '2099-01-06', undefined, false],
  ['2020-06-05', '2099-01-06', 'latest', true],
  ['2015-01-01', '2099-01-06', 'latest', true],
  // The champion is from other features: the same.
  ['2020-06-06', '2020-06-09', 'fedcba9876543210', false],
  ['2020-06-05', '2020-06-09', 'fedcba9876543210', true],
  ['2020-06-04', '2020-06-05', 'fedcba9876543210', true],
  ['2020-05-01', '2020-06-01', 'fedcba9876543210', false],
])(
  'a model as of %s after a champion as of %s of the features %s: older is %s',
  async (asOf, as_of, features, expected) => {
    const champion = {
      as_of,
      sha256: '',
      ...(features && { features_key: features === 'latest' ? key : features }),
    };
    const older = await runInProcess((_, context) => isOlder(asOf, champion, context), {}, store, 1, TODAY);
    expect(older).toBe(expected);
  },
);

it('rows of today and later do not make a model older, since no default as-of date can include them', async () => {
  await ingestInto(store, await makeSource(filesUntil('2020-06-12')));
  await makeFeatures();
  const champion = { as_of: '2099-01-06', sha256: '' };
  const isOlderThanIt = (asOf: string) =>
    runInProcess((_, context) => isOlder(asOf, champion, context), {}, store, 1, TODAY);
  expect(await isOlderThanIt('2020-06-10')).toBe(false);
  expect(await isOlderThanIt('2020-06-09')).toBe(true);
});

it('a champion of an absurd date is followed without --force, and promote chooses that model by default', async () => {
  addModel(store, [0, 0, 0], '2099-01-06');
  addModel(store, [0, 0.1, 0.1], '2020-06-06');
  addModel(store, [0, 0.2, 0.2], '2020-06-03');
  await promoteHere('2099-01-06');
  expect(await promoteHere('2020-06-03')).toMatchObject({
    status: 'refused',
    metrics: { champion_as_of: '2099-01-06', reason: expect.stringContaining('a newer model is in service') },
  });
  expect(await promoteHere()).toMatchObject({ status: 'done', metrics: { champion_as_of: '2020-06-06' } });
});

it('rows of dates after today are not among the newest rows that models are measured on', async () => {
  const rows = [
    ...filesUntil('2020-06-05')['stocks/A.csv'].trim().split('\n').slice(1),
    '2099-01-05,1,1,1,1,1,100',
  ];
  await ingestInto(store, await makeSource({ 'stocks/A.csv': csv(...rows) }));
  await makeFeatures();
  addModel(store, [0, 0, 0], '2020-06-06');
  expect((await promoteHere()).metrics).toMatchObject({ block_until: '2020-06-05', block_rows: 4 });
});

/** One symbol with a row per day from 2020-06-01 on. */
function filesUntil(last: string) {
  const days = Array.from(
    { length: Number(last.slice(8)) },
    (_, day) => `2020-06-${String(day + 1).padStart(2, '0')}`,
  );
  return { 'stocks/A.csv': csv(...days.map((day) => `${day},1,1,1,1,1,100`)) };
}

async function makeFeatures(): Promise<string> {
  return (await runInProcess(features, { window: 2 }, store)).outputs[0]?.key as string;
}

function promoteHere(asOf?: string): Promise<TaskResult> {
  return runInProcess(promote, { asOf, force: false, gates: GATES }, store, 1, TODAY);
}
