import { coverage, type Predictions, score } from '../../../model/score.ts';
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
  /** In shares. */
  mean_volume: number;
  mean_prediction: number;
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
  const groups = names.map((name) => ({ name, rows: [] as number[] }));
  for (const row of volume.keys()) groups[groupOf(row)]?.rows.push(row);
  return groups
    .filter(({ rows }) => rows.length > 0)
    .map(({ name, rows }) => {
      const pick = (values: Float64Array) => Float64Array.from(rows, (row) => values[row] as number);
      const actual = pick(volume);
      const model = score(pick(point), actual);
      const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / rows.length;
      const baseline = score(pick(volMovingAvg), actual);
      const shareBelow = (quantile: Float64Array) =>
        rows.filter((row) => (volume[row] as number) < (quantile[row] as number)).length / rows.length;
      return {
        part: name,
        rows: rows.length,
        mae: model.mae,
        mae_vol_moving_avg: baseline.mae,
        rmsle: model.rmsle,
        rmsle_vol_moving_avg: baseline.rmsle,
        mean_volume: mean(actual),
        mean_prediction: mean(pick(point)),
        coverage: coverage(pick(p10), pick(p90), actual),
        below_p10: shareBelow(p10),
        below_p50: shareBelow(p50),
        below_p90: shareBelow(p90),
      };
    });
}

export function byYear(year: Int32Array): Grouping {
  const years = [...new Set(year)].sort();
  return { names: years.map(String), groupOf: (row) => years.indexOf(year[row] as number) };
}

/** Groups by decile of values >= 0, with whole edges; fewer than ten where values repeat. */
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
