import type { Predictions } from '../../../model/score.ts';
import type { FeatureRows } from '../../store/feature-rows.ts';

/** The scores of a group of rows. */
export interface ScoreGroup {
  /** The group's name. */
  part: string;
  rows: number;
  mae: number;
  mae_vol_moving_avg: number;
  rmsle: number;
  rmsle_vol_moving_avg: number;
  /** The share of volumes between p10 and p90; the target is 0.8. */
  coverage: number;
  /** The shares of volumes below p10, p50 and p90; the targets are 0.1, 0.5 and 0.9. */
  below_p10: number;
  below_p50: number;
  below_p90: number;
}

/** How rows are grouped. */
export interface Grouping {
  names: string[];
  /** The index of a row's group in `names`. */
  groupOf(row: number): number;
}

/** One group of all rows. */
export const allRows: Grouping = { names: ['all'], groupOf: () => 0 };

/** Scores each group of rows; a group without rows is left out. */
export function scoreGroups(
  { volume, volMovingAvg }: Pick<FeatureRows, 'volume' | 'volMovingAvg'>,
  { point, p10, p50, p90 }: Predictions,
  { names, groupOf }: Grouping,
): ScoreGroup[] {
  const sums = names.map(newSums);
  for (let row = 0; row < volume.length; row++) {
    const sum = sums[groupOf(row)] as ScoreGroup;
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
  return sums.filter(({ rows }) => rows > 0).map(toScores);
}

function newSums(name: string): ScoreGroup {
  return {
    part: name,
    rows: 0,
    mae: 0,
    mae_vol_moving_avg: 0,
    rmsle: 0,
    rmsle_vol_moving_avg: 0,
    coverage: 0,
    below_p10: 0,
    below_p50: 0,
    below_p90: 0,
  };
}

function toScores(sums: ScoreGroup): ScoreGroup {
  const { rows } = sums;
  return {
    part: sums.part,
    rows,
    mae: sums.mae / rows,
    mae_vol_moving_avg: sums.mae_vol_moving_avg / rows,
    rmsle: Math.sqrt(sums.rmsle / rows),
    rmsle_vol_moving_avg: Math.sqrt(sums.rmsle_vol_moving_avg / rows),
    coverage: sums.coverage / rows,
    below_p10: sums.below_p10 / rows,
    below_p50: sums.below_p50 / rows,
    below_p90: sums.below_p90 / rows,
  };
}

export function byYear(year: Int32Array): Grouping {
  const years = [...new Set(year)].sort();
  return { names: years.map(String), groupOf: (row) => years.indexOf(year[row] as number) };
}

/** Groups by decile of values that are not negative, each a range of whole numbers; fewer than ten where values repeat. */
export function byDecile(values: Float64Array): Grouping {
  const sorted = values.slice().sort();
  const edgeAt = (decile: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * decile) / 10))] ?? 0);
  const last = edgeAt(10);
  const inner = [...new Set([1, 2, 3, 4, 5, 6, 7, 8, 9].map(edgeAt))].filter(
    (edge) => edge > 0 && edge < last,
  );
  const edges = [0, ...inner, last];
  return {
    names: edges.slice(1).map((to, index) => `${edges[index]} to ${to}`),
    groupOf(row) {
      const above = inner.findIndex((edge) => edge > (values[row] as number));
      return above < 0 ? inner.length : above;
    },
  };
}

export function byKind(isEtf: Int32Array): Grouping {
  return { names: ['stock', 'ETF'], groupOf: (row) => isEtf[row] as number };
}
