import { describe, expect, it } from 'vitest';
import { byDecile, byKind, byYear, scoreParts, WHOLE } from '../../../../tasks/train/measure/score-groups.ts';

const block = { volume: Float64Array.of(0, 1, 3, 7), volMovingAvg: Float64Array.of(1, 1, 1, 3) };
const predictions = {
  point: Float64Array.of(0, 3, 3, 15),
  p10: Float64Array.of(0, 2, 1, 1),
  p50: Float64Array.of(1, 3, 3, 15),
  p90: Float64Array.of(2, 4, 5, 6),
};

describe('scoreParts', () => {
  it('scores all rows, beside vol_moving_avg', () => {
    const [all] = scoreParts(block, predictions, WHOLE);
    // Errors 0, 2, 0, 8 and 1, 0, 2, 4. Logarithms in units of ln 2: 0, 1, 0, 1 and 1, 0, 1, 1.
    expect(all).toMatchObject({ part: 'all', rows: 4, mae: 2.5, mae_vol_moving_avg: 1.75 });
    expect(all?.rmsle).toBeCloseTo(Math.sqrt(2 / 4) * Math.LN2, 12);
    expect(all?.rmsle_vol_moving_avg).toBeCloseTo(Math.sqrt(3 / 4) * Math.LN2, 12);
    // The second volume lies below all three, the last above p90, and the others on p10 and p50, which is not below.
    expect(all).toMatchObject({ coverage: 0.5, below_p10: 0.25, below_p50: 0.75, below_p90: 0.75 });
  });

  it('scores each part by itself, and leaves out one without rows', () => {
    const parts = scoreParts(block, predictions, {
      names: ['a', 'none', 'b'],
      partOf: (row) => (row < 3 ? 0 : 2),
    });
    expect(parts).toMatchObject([
      { part: 'a', rows: 3, mae: 2 / 3, coverage: 2 / 3 },
      { part: 'b', rows: 1, mae: 8, mae_vol_moving_avg: 4, coverage: 0, below_p50: 1, below_p90: 0 },
    ]);
  });
});

describe('rows are parted', () => {
  it('by year, in their order', () => {
    const { names, partOf } = byYear(Int32Array.of(2019, 2017, 2019));
    expect(names).toEqual(['2017', '2019']);
    expect([0, 1, 2].map(partOf)).toEqual([1, 0, 1]);
  });

  it('by kind', () => {
    const { names, partOf } = byKind(Int32Array.of(0, 1));
    expect([0, 1].map((row) => names[partOf(row)])).toEqual(['stock', 'ETF']);
  });

  it('by tenths, of which each has its lower end and the last one both', () => {
    const { names, partOf } = byDecile(Float64Array.from({ length: 20 }, (_, row) => 100 - 5 * row));
    expect(names).toEqual([
      '0 to 15',
      '15 to 25',
      '25 to 35',
      '35 to 45',
      '45 to 55',
      '55 to 65',
      '65 to 75',
      '75 to 85',
      '85 to 95',
      '95 to 100',
    ]);
    expect([0, 1, 2, 17, 18, 19].map(partOf)).toEqual([9, 9, 8, 1, 0, 0]);
  });

  it.each([
    ['one, where all values are the same', [7, 7, 7], ['0 to 7'], [0, 0, 0]],
    ['one, where all are 0', [0, 0], ['0 to 0'], [0, 0]],
    ['fewer, where values repeat', [0, 0, 0, 0, 4], ['0 to 4'], [0, 0, 0, 0, 0]],
    ['those that rounding leaves', [0.2, 0.4, 1.4, 2.4], ['0 to 1', '1 to 2'], [0, 0, 1, 1]],
  ])('by tenths, which are %s', (_which, values, names, parts) => {
    const deciles = byDecile(Float64Array.from(values));
    expect(deciles.names).toEqual(names);
    expect(values.map((_, row) => deciles.partOf(row))).toEqual(parts);
  });
});
