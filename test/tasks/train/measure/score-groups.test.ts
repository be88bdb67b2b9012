import { describe, expect, it } from 'vitest';
import {
  allRows,
  byDecile,
  byKind,
  byYear,
  scoreGroups,
} from '../../../../tasks/train/measure/score-groups.ts';

const rows = { volume: Float64Array.of(0, 1, 3, 7), volMovingAvg: Float64Array.of(1, 1, 1, 3) };
const predictions = {
  point: Float64Array.of(0, 3, 3, 15),
  p10: Float64Array.of(0, 2, 1, 1),
  p50: Float64Array.of(1, 3, 3, 15),
  p90: Float64Array.of(2, 4, 5, 6),
};

describe('scoreGroups', () => {
  it('scores all rows, and vol_moving_avg on them', () => {
    const [all] = scoreGroups(rows, predictions, allRows);
    // Errors 0, 2, 0, 8 and 1, 0, 2, 4. Logarithms in units of ln 2: 0, 1, 0, 1 and 1, 0, 1, 1.
    expect(all).toMatchObject({ part: 'all', rows: 4, mae: 2.5, mae_vol_moving_avg: 1.75 });
    // 11 / 4 and 21 / 4.
    expect(all).toMatchObject({ mean_volume: 2.75, mean_prediction: 5.25 });
    expect(all?.rmsle).toBeCloseTo(Math.sqrt(2 / 4) * Math.LN2, 12);
    expect(all?.rmsle_vol_moving_avg).toBeCloseTo(Math.sqrt(3 / 4) * Math.LN2, 12);
    // The second volume is below all three, the last one above p90. The others equal p10 or p50,
    // which does not count as below.
    expect(all).toMatchObject({ coverage: 0.5, below_p10: 0.25, below_p50: 0.75, below_p90: 0.75 });
  });

  it('scores each group separately, and leaves out one without rows', () => {
    const groups = scoreGroups(rows, predictions, {
      names: ['a', 'none', 'b'],
      groupOf: (row) => (row < 3 ? 0 : 2),
    });
    expect(groups).toMatchObject([
      { part: 'a', rows: 3, mae: 2 / 3, coverage: 2 / 3 },
      { part: 'b', rows: 1, mae: 8, mae_vol_moving_avg: 4, coverage: 0, below_p50: 1, below_p90: 0 },
    ]);
  });
});

describe('rows are grouped', () => {
  it('by year, in ascending order', () => {
    const { names, groupOf } = byYear(Int32Array.of(2019, 2017, 2019));
    expect(names).toEqual(['2017', '2019']);
    expect([0, 1, 2].map(groupOf)).toEqual([1, 0, 1]);
  });

  it('by kind', () => {
    const { names, groupOf } = byKind(Int32Array.of(0, 1));
    expect([0, 1].map((row) => names[groupOf(row)])).toEqual(['stock', 'ETF']);
  });

  it('by decile; each includes its lower edge, and the last one both edges', () => {
    const { names, groupOf } = byDecile(Float64Array.from({ length: 20 }, (_, row) => 100 - 5 * row));
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
    expect([0, 1, 2, 17, 18, 19].map(groupOf)).toEqual([9, 9, 8, 1, 0, 0]);
  });

  it.each([
    ['one group, where all values are the same', [7, 7, 7], ['0 to 7'], [0, 0, 0]],
    ['one group, where all values are 0', [0, 0], ['0 to 0'], [0, 0]],
    ['fewer groups, where values repeat', [0, 0, 0, 0, 4], ['0 to 4'], [0, 0, 0, 0, 0]],
    ['the groups that rounding leaves', [0.2, 0.4, 1.4, 2.4], ['0 to 1', '1 to 2'], [0, 0, 1, 1]],
  ])('by decile: %s', (_which, values, names, groups) => {
    const deciles = byDecile(Float64Array.from(values));
    expect(deciles.names).toEqual(names);
    expect(values.map((_, row) => deciles.groupOf(row))).toEqual(groups);
  });
});
