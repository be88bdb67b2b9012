import { expect, it } from 'vitest';
import {
  addCounts,
  Drift,
  type DriftCounts,
  rowsOf,
  stabilityIndex,
} from '../../../serving/scoring/drift.ts';

// Two cells by volume, cut at ln(1 + 99), two by price, cut at 0.
const density = {
  volMovingAvgEdges: [Math.log(100)],
  adjCloseRollingMedEdges: [0],
  shares: Float32Array.of(0.5, 0.25, 0.125, 0.125),
};
const ROW_IN_CELL = [
  [1, -1],
  [99 - 1e-9, 0],
  [99, -1],
  [1_000, 1],
] as const;

it('is 0 where requests lie as the training rows do', () => {
  expect(stabilityIndex(count([5_000, 2_500, 1_250, 1_250]))).toBeCloseTo(0, 12);
});

it('is the population stability index, worked out by hand', () => {
  // Each cell has 1/4: (1/4 - 1/2) ln(1/2) + 0 + 2 (1/4 - 1/8) ln 2 = ln 2 / 2.
  expect(stabilityIndex(count([2_500, 2_500, 2_500, 2_500]))).toBeCloseTo(Math.LN2 / 2, 12);
});

it('stays finite where a cell that training never saw is asked for', () => {
  const shares = Float32Array.of(1, 0, 0, 0);
  // Shares count as 1e-4 at least: 2 (1 - 1e-4) ln 10^4.
  expect(stabilityIndex({ ...count([0, 0, 0, 10_000]), shares })).toBeCloseTo(2 * 0.9999 * Math.log(1e4), 9);
});

it('is of the sum of what processes counted, not of any one of them', () => {
  // Alone each is far off; together they are 1/4 a cell.
  const [both, ...others] = addCounts([count([4_000, 4_000, 0, 0]), count([0, 0, 4_000, 4_000])]) as [
    DriftCounts,
  ];
  expect(others).toEqual([]);
  expect(rowsOf(both)).toBe(16_000);
  expect(stabilityIndex(both)).toBeCloseTo(Math.LN2 / 2, 12);
});

it('is not known under 10,000 rows, of all processes together', () => {
  const [few, one] = [count([5_000, 2_500, 1_250, 1_249]), count([0, 0, 0, 1])];
  expect(stabilityIndex(few)).toBeNaN();
  expect(stabilityIndex(addCounts([few, one])[0] as DriftCounts)).toBeCloseTo(0, 12);
});

it('is of each model apart, and of each grid of one model', () => {
  const [first, later] = [count([1, 0, 0, 0]), count([2, 0, 0, 0], '2021-01-01')];
  const other = { ...count([4, 0, 0, 0]), shares: Float32Array.of(1, 0, 0, 0) };
  expect(addCounts([first, later, other, first]).map(rowsOf)).toEqual([2, 2, 4]);
});

it('adds up without changing what a process goes on counting in', () => {
  const counted = count([1, 2, 3, 4]);
  addCounts([counted, counted]);
  expect(rowsOf(counted)).toBe(10);
});

/** So many rows in each of the four cells. */
function count(rows: number[], version = '2020-01-01'): DriftCounts {
  const drift = new Drift(density);
  for (const [cell, [volMovingAvg, adjCloseRollingMed]] of ROW_IN_CELL.entries())
    for (let i = 0; i < (rows[cell] as number); i++) drift.observe(volMovingAvg, adjCloseRollingMed);
  return drift.counted(version);
}
