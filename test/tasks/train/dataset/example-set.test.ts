import { expect, it } from 'vitest';
import {
  type ExampleSet,
  ExampleSetBuilder,
  type Examples,
} from '../../../../tasks/train/dataset/example-set.ts';
import { loadTensorFlow } from '../../../../tasks/train/tensorflow.ts';

const tf = await loadTensorFlow();

function build(...shards: Examples[]): ExampleSet {
  const builder = new ExampleSetBuilder(1_000, tf);
  for (const examples of shards) builder.add(examples);
  const set = builder.build();
  tf.dispose(set.values);
  return set;
}

/** Examples whose inputs and log ratio are all these values. */
function examplesOf(numbers: number[]): Examples {
  const values = Float32Array.from(numbers);
  return {
    path: 'shard-00.parquet',
    logVolMovingAvg: values,
    signedLogAdjCloseRollingMed: values,
    logRatio: values,
    weight: values.map(() => 1),
  };
}

it.each([Number.NaN, Number.POSITIVE_INFINITY])(
  'a feature of %d is refused, with the name of its shard',
  (value) => {
    expect(() =>
      build(examplesOf([1]), { ...examplesOf([1, value]), path: '/features/shard-01.parquet' }),
    ).toThrow(
      '/features/shard-01.parquet: a feature is not a finite number; remove the folder of this file, and run features again',
    );
  },
);

it('inputs are scaled by the mean and deviation over all shards', () => {
  // 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 3.
  const { scales } = build(examplesOf([1, 2]), examplesOf([6]));
  expect(scales[0]).toEqual({ min: 1, max: 6, mean: 3, deviation: expect.closeTo(Math.sqrt(14 / 3), 12) });
});

it('where values hardly differ, their deviation keeps its digits', () => {
  const [low, high] = [8, 8 + 2 ** -20];
  const { scales } = build(examplesOf(Array.from({ length: 1_000 }, (_, row) => (row % 2 ? high : low))));
  expect(scales[0].deviation).toBeCloseTo(2 ** -21, 15);
});

it('the grid of prices has the same number of rows between neighbours, and both extremes', () => {
  // 981 prices: hundredths from 0 to 9.79, and 44. A 49th is 20 hundredths.
  const prices = [...Array.from({ length: 980 }, (_, row) => row / 100), 44];
  const { adjCloseRollingMedGrid, logRatioQuantiles } = build(examplesOf(prices));
  expect(adjCloseRollingMedGrid).toHaveLength(50);
  expect(adjCloseRollingMedGrid.slice(0, 3)).toEqual([0, 0.2, 0.4]);
  expect(adjCloseRollingMedGrid.slice(-2)).toEqual([9.6, 44]);
  expect(logRatioQuantiles).toEqual({ p10: 0.98, p50: 4.9, p90: 8.82 });
});
