import { expect, it } from 'vitest';
import { Histogram } from '../../../../tasks/train/dataset/histogram.ts';

const histogramOf = (...batches: number[][]) => {
  const histogram = new Histogram();
  for (const batch of batches) histogram.add(Float32Array.from(batch));
  return histogram;
};

it('quantiles cover all added values, to a hundredth', () => {
  const values = Array.from({ length: 100 }, (_, index) => (index + 1) / 100);
  const [even, odd] = [0, 1].map((rest) => values.filter((_, index) => index % 2 === rest));
  const histogram = histogramOf(odd as number[], even as number[]);
  expect(histogram.quantiles([0.1, 0.5, 0.9, 1])).toEqual([0.1, 0.5, 0.9, 1]);
});

it('a repeated value is every quantile that it covers, and values may be negative', () => {
  const histogram = histogramOf([-2.504, 3, 3, 3]);
  expect(histogram.quantiles([0.25, 0.5, 0.75, 1])).toEqual([-2.5, 3, 3, 3]);
});

it('values are limited to ±100', () => {
  expect(histogramOf([-1e30, 0, Infinity]).quantiles([0.3, 0.5, 1])).toEqual([-100, 0, 100]);
});
