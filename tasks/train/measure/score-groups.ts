import type { Predictions } from '../../../model/score.ts';
import type { Block } from '../dataset/dataset.ts';

/** A part of the rows, scored. */
export interface Part {
  part: string;
  rows: number;
  mae: number;
  mae_vol_moving_avg: number;
  rmsle: number;
  rmsle_vol_moving_avg: number;
  /** The share of volumes between p10 and p90; 0.8 is meant. */
  coverage: number;
  /** The shares of volumes below p10, p50 and p90; 0.1, 0.5 and 0.9 are meant. */
  below_p10: number;
  below_p50: number;
  below_p90: number;
}

/** How rows are parted: the parts' names, and in which of them, counted from 0, a row is. */
export interface Partition {
  names: string[];
  partOf(row: number): number;
}

/** All rows as one part. */
export const WHOLE: Partition = { names: ['all'], partOf: () => 0 };

/** Scores each part of the rows; a part without rows is left out. */
export function scoreParts(
  { volume, volMovingAvg }: Pick<Block, 'volume' | 'volMovingAvg'>,
  { point, p10, p50, p90 }: Predictions,
  { names, partOf }: Partition,
): Part[] {
  const sums = names.map((part) => ({
    part,
    rows: 0,
    mae: 0,
    mae_vol_moving_avg: 0,
    rmsle: 0,
    rmsle_vol_moving_avg: 0,
    coverage: 0,
    below_p10: 0,
    below_p50: 0,
    below_p90: 0,
  }));
  for (let row = 0; row < volume.length; row++) {
    const sum = sums[partOf(row)] as Part;
    const actual = volume[row] as number;
    const logActual = Math.log1p(actual);
    sum.rows++;
    sum.mae += Math.abs((point[row] as number) - actual);
    sum.mae_vol_moving_avg += Math.abs((volMovingAvg[row] as number) - actual);
    sum.rmsle += (Math.log1p(point[row] as number) - logActual) ** 2;
    sum.rmsle_vol_moving_avg += (Math.log1p(volMovingAvg[row] as number) - logActual) ** 2;
    if (actual >= (p10[row] as number) && actual <= (p90[row] as number)) sum.coverage++;
    if (actual < (p10[row] as number)) sum.below_p10++;
    if (actual < (p50[row] as number)) sum.below_p50++;
    if (actual < (p90[row] as number)) sum.below_p90++;
  }
  return sums
    .filter(({ rows }) => rows > 0)
    .map((sum) => ({
      part: sum.part,
      rows: sum.rows,
      mae: sum.mae / sum.rows,
      mae_vol_moving_avg: sum.mae_vol_moving_avg / sum.rows,
      rmsle: Math.sqrt(sum.rmsle / sum.rows),
      rmsle_vol_moving_avg: Math.sqrt(sum.rmsle_vol_moving_avg / sum.rows),
      coverage: sum.coverage / sum.rows,
      below_p10: sum.below_p10 / sum.rows,
      below_p50: sum.below_p50 / sum.rows,
      below_p90: sum.below_p90 / sum.rows,
    }));
}

export function byYear(year: Int32Array): Partition {
  const years = [...new Set(year)].sort();
  return { names: years.map(String), partOf: (row) => years.indexOf(year[row] as number) };
}

/** Tenths of the rows by a value that is not negative, each a range of whole numbers; fewer than ten where values repeat. */
export function byDecile(values: Float64Array): Partition {
  const sorted = values.slice().sort();
  const quantile = (index: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * index) / 10))] ?? 0);
  const last = quantile(10);
  const inner = [...new Set([1, 2, 3, 4, 5, 6, 7, 8, 9].map(quantile))].filter(
    (edge) => edge > 0 && edge < last,
  );
  const edges = [0, ...inner, last];
  return {
    names: edges.slice(1).map((to, index) => `${edges[index]} to ${to}`),
    partOf(row) {
      const above = inner.findIndex((edge) => edge > (values[row] as number));
      return above < 0 ? inner.length : above;
    },
  };
}

export function byKind(isEtf: Int32Array): Partition {
  return { names: ['stock', 'ETF'], partOf: (row) => isEtf[row] as number };
}
