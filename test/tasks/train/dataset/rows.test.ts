import { beforeAll, expect, it } from 'vitest';
import { type Examples, RowGatherer, type Rows } from '../../../../tasks/train/dataset/rows.ts';
import { loadTensorFlow, type TensorFlow } from '../../../../tasks/train/fit/tensorflow.ts';

let tf: TensorFlow;
beforeAll(async () => {
  tf = await loadTensorFlow();
});

function gather(...parts: Examples[]): Rows {
  const gatherer = new RowGatherer(1_000, tf);
  for (const part of parts) gatherer.add(part);
  const rows = gatherer.finish();
  tf.dispose(rows.values);
  return rows;
}

function examplesOf(logAverage: number[], signedLogMedian = logAverage, logRatio = logAverage): Examples {
  const [volMovingAvg, adjCloseRollingMed, ratio] = [logAverage, signedLogMedian, logRatio].map((values) =>
    Float32Array.from(values),
  ) as [Float32Array, Float32Array, Float32Array];
  return {
    path: 'shard-00.parquet',
    logAverage: volMovingAvg,
    signedLogMedian: adjCloseRollingMed,
    logRatio: ratio,
    weight: volMovingAvg.map(() => 1),
  };
}

it.each([Number.NaN, Number.POSITIVE_INFINITY])('a feature of %d names its shard', (value) => {
  expect(() =>
    gather(examplesOf([1]), { ...examplesOf([1, value]), path: '/features/shard-01.parquet' }),
  ).toThrow('/features/shard-01.parquet: a feature is no finite number; remove the folder that it lies in');
});

it('inputs are scaled by mean and deviation over all parts', () => {
  // 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 3.
  const { scales } = gather(examplesOf([1, 2]), examplesOf([6]));
  expect(scales[0]).toEqual({ min: 1, max: 6, mean: 3, deviation: expect.closeTo(Math.sqrt(14 / 3), 12) });
});

it('where values hardly differ their deviation is theirs, not what rounding leaves', () => {
  const [low, high] = [8, 8 + 2 ** -20];
  const { scales } = gather(examplesOf(Array.from({ length: 1_000 }, (_, row) => (row % 2 ? high : low))));
  expect(scales[0].deviation).toBeCloseTo(2 ** -21, 15);
});

it('medians part the rows evenly, from the least price to the largest, however far that is', () => {
  // 981 prices at hundredths from 0 to 9.80: a 49th is 20 hundredths.
  const prices = [...Array.from({ length: 980 }, (_, row) => row / 100), 44];
  const { signedLogMedians, start } = gather(examplesOf(prices));
  expect(signedLogMedians).toHaveLength(50);
  expect(signedLogMedians.slice(0, 3)).toEqual([0, 0.2, 0.4]);
  expect(signedLogMedians.slice(-2)).toEqual([9.6, 44]);
  expect(start).toEqual({ p10: 0.98, p50: 4.9, p90: 8.82 });
});
