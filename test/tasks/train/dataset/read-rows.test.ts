import { beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../../../tasks/context.ts';
import { features } from '../../../../tasks/features/features.ts';
import { openDataset, type ShardedDataset } from '../../../../tasks/store/shards.ts';
import type { Examples } from '../../../../tasks/train/dataset/example-set.ts';
import {
  readCalibrationExamples,
  readEvaluationRows,
  readTrainingExamples,
} from '../../../../tasks/train/dataset/read-rows.ts';
import { findSplit, type Split } from '../../../../tasks/train/dataset/split.ts';
import { csv, csvOfVolumes, ingestFiles, runInProcess } from '../../../support/fixtures.ts';

// Daily rows from 2020-01-01 on, with windows of two: the n-th row of A has the volume n and the
// vol_moving_avg n - 0.5.
const days = (count: number, first: number) => Array.from({ length: count }, (_, day) => first + day);
const SPLIT: Split = {
  as_of: '2020-02-07',
  newest_row: '2020-02-06',
  validation_from: '2020-02-04',
  measure_from: '2020-02-06',
};
const HALF_LIFE = 2 / 365.25;

let store: string;
beforeEach(async () => {
  const files = {
    'stocks/A.csv': csvOfVolumes(...days(40, 1)),
    'etfs/B.csv': csvOfVolumes(...days(36, 1001)),
  };
  store = (await ingestFiles(files, { shards: 2 })).store;
  await runInProcess(features, { window: 2 }, store);
});

describe('readTrainingExamples', () => {
  const read = () =>
    onFeatures((dataset, context) => toRows(readTrainingExamples(dataset, SPLIT, HALF_LIFE, context)));

  // The full windows before 2020-02-04 are from 01-02 to 02-03: 33 per symbol, of which 30 are the
  // embargo.
  it('reads all rows before the validation block except the last 30 of each symbol', async () => {
    const rows = await read();
    const volumes = [2, 3, 4, 1002, 1003, 1004];
    expect(rows.map(({ logVolMovingAvg }) => Math.expm1(logVolMovingAvg))).toEqual(
      volumes.map((volume) => expect.closeTo(volume - 0.5, 2)),
    );
    expect(rows.map(({ logRatio }) => logRatio)).toEqual(
      volumes.map((volume) => expect.closeTo(Math.log((volume + 1) / (volume + 0.5)), 5)),
    );
    expect(new Set(rows.map(({ signedLogAdjCloseRollingMed }) => signedLogAdjCloseRollingMed))).toEqual(
      new Set([Math.fround(Math.LN2)]),
    );
  });

  // The rows are 33, 32 and 31 days older than the validation block.
  it('halves the weight of a row with each half-life of its age', async () => {
    const weights = [33, 32, 31, 33, 32, 31].map((age) => 2 ** (-age / 2));
    const rows = await read();
    expect(rows.map(({ weight }, row) => weight / (weights[row] as number))).toEqual(
      weights.map(() => expect.closeTo(1, 5)),
    );
  });
});

it('readCalibrationExamples reads all rows of the first half of the validation block, with the weight 1', async () => {
  const rows = await onFeatures((dataset, context) =>
    toRows(readCalibrationExamples(dataset, SPLIT, context)),
  );
  expect(rows.map(({ logVolMovingAvg }) => Math.round(Math.expm1(logVolMovingAvg) + 0.5))).toEqual([
    35, 36, 1035, 1036,
  ]);
  expect(rows.map(({ weight }) => weight)).toEqual([1, 1, 1, 1]);
});

// The last row is of 2020-02-09.
it.each([
  ['2026-01-01', '2020-02-10', '2020-02-09'],
  ['2020-02-10', '2020-02-10', '2020-02-09'],
  ['2020-02-09', '2020-02-09', '2020-02-08'],
  ['2020-02-05', '2020-02-05', '2020-02-04'],
])('on %s the default as-of date is %s: never after today', async (today, as_of, newest_row) => {
  const split = await onFeatures((dataset, context) => findSplit(dataset, undefined, { ...context, today }));
  expect(split).toMatchObject({ as_of, newest_row });
});

it('a row of a date after today does not move the default as-of date', async () => {
  const files = {
    'stocks/A.csv': csvOfVolumes(...days(40, 1)),
    'stocks/B.csv': csv('2020-02-08,1,1,1,1,1,1', '2099-01-05,1,1,1,1,1,1'),
  };
  const { store } = await ingestFiles(files);
  await runInProcess(features, { window: 2 }, store);
  const split = await onFeatures((dataset, context) => findSplit(dataset, undefined, context), store);
  expect(split).toMatchObject({ as_of: '2020-02-10', newest_row: '2020-02-09' });
});

it('without a row before today there is no default as-of date', async () => {
  const splitting = onFeatures((dataset, context) =>
    findSplit(dataset, undefined, { ...context, today: '2020-01-01' }),
  );
  await expect(splitting).rejects.toThrow(
    'no row before 2020-01-01 has a full window; give a later --as-of, or ingest more rows',
  );
});

// With windows of two, 31 rows have 30 full ones. Validation begins with the 28th of them; the
// embargo takes the 27 before.
describe('too few rows', () => {
  const readRows = async (volumes: number[], asOf?: string) => {
    const { store } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(...volumes) });
    await runInProcess(features, { window: 2 }, store);
    return onFeatures(async (dataset, context) => {
      const split = await findSplit(dataset, asOf, context);
      return toRows(readTrainingExamples(dataset, split, HALF_LIFE, context));
    }, store);
  };

  it('need more rows, where the as-of date is the day after the last row', async () => {
    const none =
      'no row before 2020-01-29 is left to train on (validation begins there, after an embargo of 30 rows)';
    await expect(readRows(days(31, 1))).rejects.toThrow(`: ${none}; ingest more rows`);
    await expect(readRows(days(31, 1), '2020-02-01')).rejects.toThrow(`: ${none}; ingest more rows`);
    await expect(readRows([1])).rejects.toThrow(
      ': no row before 2020-01-02 has a full window; ingest more rows',
    );
  });

  it('also suggest a later as-of date, where there are rows from the as-of date on', async () => {
    await expect(readRows(days(31, 1), '2020-01-31')).rejects.toThrow(
      '; give a later --as-of, or ingest more rows',
    );
    await expect(readRows(days(31, 1), '2020-01-02')).rejects.toThrow(
      'has a full window; give a later --as-of, or ingest more rows',
    );
  });
});

describe('readEvaluationRows', () => {
  it('reads the rows of some days with their kind and the features of the row before', async () => {
    const rows = await onFeatures((dataset, context) =>
      readEvaluationRows(dataset, ['2020-02-04', '2020-02-06'], context),
    );
    expect(rows).toEqual({
      year: Int32Array.of(2020, 2020, 2020, 2020),
      isEtf: Int32Array.of(0, 0, 1, 1),
      volume: Float64Array.of(35, 36, 1035, 1036),
      volMovingAvg: Float64Array.of(34.5, 35.5, 1034.5, 1035.5),
      adjCloseRollingMed: Float64Array.of(1, 1, 1, 1),
      laggedVolMovingAvg: Float64Array.of(33.5, 34.5, 1033.5, 1034.5),
      laggedAdjCloseRollingMed: Float64Array.of(1, 1, 1, 1),
    });
  });

  it('has no features of the row before for the first full window of each symbol', async () => {
    const rows = await onFeatures((dataset, context) =>
      readEvaluationRows(dataset, ['2020-01-01', '2020-01-04'], context),
    );
    expect(rows.volMovingAvg).toEqual(Float64Array.of(1.5, 2.5, 1001.5, 1002.5));
    expect(rows.laggedVolMovingAvg).toEqual(Float64Array.of(Number.NaN, 1.5, Number.NaN, 1001.5));
    expect(rows.laggedAdjCloseRollingMed).toEqual(Float64Array.of(Number.NaN, 1, Number.NaN, 1));
  });
});

function onFeatures<Result>(
  work: (dataset: ShardedDataset, context: Context) => Promise<Result>,
  from = store,
): Promise<Result> {
  return runInProcess(
    async (_options, context) =>
      work(await openDataset('features', undefined, 'features', context.store), context),
    {},
    from,
  );
}

type Row = Record<Exclude<keyof Examples, 'path'>, number>;

/** The rows of all shards as objects, those of A first. */
async function toRows(shards: AsyncIterable<Examples>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { logVolMovingAvg, signedLogAdjCloseRollingMed, logRatio, weight } of shards)
    for (const [row, value] of weight.entries())
      rows.push({
        logVolMovingAvg: logVolMovingAvg[row] as number,
        signedLogAdjCloseRollingMed: signedLogAdjCloseRollingMed[row] as number,
        logRatio: logRatio[row] as number,
        weight: value,
      });
  return rows.sort((a, b) => a.logVolMovingAvg - b.logVolMovingAvg);
}
