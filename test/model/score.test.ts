import { describe, expect, it } from 'vitest';
import { bestMultiple, coverage, predictAll, ratio, score } from '../../model/score.ts';
import { constantModel } from '../support/tiny-model.ts';

describe('score', () => {
  // Errors 1, -2, 0, 4: MAE 7 / 4. The mean volume is 4; squared deviations 9 + 1 + 1 + 9 = 20,
  // squared errors 1 + 4 + 0 + 16 = 21.
  it('measures the mean absolute error and R2', () => {
    const result = score(Float64Array.of(2, 1, 5, 11), Float64Array.of(1, 3, 5, 7));
    expect(result).toMatchObject({ rows: 4, mae: 1.75 });
    expect(result.r2).toBeCloseTo(1 - 21 / 20, 12);
  });

  // ln 2 - ln 1 and ln 1 - ln 8 = -3 ln 2: sqrt((1 + 9) / 2) ln 2
  it('measures the root mean squared error of logarithms', () => {
    const { rmsle } = score(Float64Array.of(1, 0), Float64Array.of(0, 7));
    expect(rmsle).toBeCloseTo(Math.sqrt(5) * Math.LN2, 12);
  });

  it('is perfect for the volumes themselves', () => {
    const volume = Float64Array.of(0, 3, 1e12);
    expect(score(volume, volume)).toEqual({ rows: 3, mae: 0, rmsle: 0, r2: 1 });
  });

  it('has no R2 where all volumes are the same', () => {
    expect(score(Float64Array.of(6, 5), Float64Array.of(5, 5))).toMatchObject({ mae: 0.5, r2: null });
  });

  it('has an R2 of 0 for predictions of the mean', () => {
    expect(score(Float64Array.of(2, 2), Float64Array.of(1, 3)).r2).toBe(0);
  });

  it('leaves rows without a prediction out of every score, and out of the mean', () => {
    const result = score(Float64Array.of(Number.NaN, 2, 2), Float64Array.of(1000, 1, 3));
    expect(result).toMatchObject({ rows: 2, mae: 1, r2: 0 });
  });
});

// Ratios 0.5, 2 and 3 with the weights 10, 4 and 5: half of 19 is reached at 0.5. Its absolute
// errors are 0 + 6 + 12.5; those of 2 are 15 + 0 + 5.
it.each([
  [[10, 4, 5], [5, 8, 15], 0.5],
  [[4, 10, 5, 0], [8, 5, 15, 7], 0.5],
  [[10, 4, 7], [5, 8, 21], 2],
  [[0, 0], [3, 4], 1],
])('the best multiple of %j for %j is %d', (volMovingAvg, volume, multiple) => {
  expect(bestMultiple(Float64Array.from(volMovingAvg), Float64Array.from(volume))).toBe(multiple);
});

it.each([
  [1, 2, 0.5],
  [0, 0, 1],
  [3, 0, 1e9],
])('ratio of %d to %d is %d', (ours, theirs, bounded) => {
  expect(ratio(ours, theirs)).toBe(bounded);
});

it('coverage includes volumes on the bounds', () => {
  const inside = coverage(
    Float64Array.of(0, 1, 5, 5),
    Float64Array.of(2, 1, 6, 6),
    Float64Array.of(2, 1, 4, 7),
  );
  expect(inside).toBe(0.5);
});

it('predictAll rounds the point as the server does, and gives NaN where an input is NaN', async () => {
  // 2 (1 + 4.2) - 1 = 9.4
  const model = constantModel([Math.LN2, 0, 0]);
  const { point, p10 } = await predictAll(model, Float64Array.of(4.2, Number.NaN), Float64Array.of(1, 1));
  expect([...point]).toEqual([9, Number.NaN]);
  expect(p10[0]).toBeCloseTo(4.2, 6);
});
