import { logVolume } from '../../../model/arithmetic.ts';
import type { CalibrationOffsets, Model } from '../../../model/model.ts';
import { predictAll } from '../../../model/score.ts';
import type { FeatureRows } from '../../store/feature-rows.ts';
import { isMonotone } from './monotone.ts';

/** A decile with this many rows gets half of its own offset and half of that of all rows. */
const POOLED_ROWS = 5_000;
/** Fewer rows do not calibrate: their quantiles are too uncertain. */
const MIN_ROWS = 100;

/**
 * Finds how far p10 must go down and p90 up, in log units, so that a tenth of the volumes is below
 * p10 and a tenth above p90. This is split conformal prediction, on each side separately (Romano,
 * Patterson, Candès: Conformalized quantile regression, 2019), by deciles of vol_moving_avg
 * (Mondrian). The fewer rows a decile has, the closer its offset is to that of all rows. All
 * offsets move closer to it where a prediction would fall as vol_moving_avg rises.
 * @param model monotone on the grid without offsets; with the returned offsets it still is
 * @param adjCloseRollingMedGrid in signed log units
 */
export async function calibrate(
  model: Model,
  { volume, volMovingAvg, adjCloseRollingMed }: FeatureRows,
  adjCloseRollingMedGrid: number[],
): Promise<CalibrationOffsets> {
  const none = { at: [0], down: [0], up: [0] };
  if (volume.length < MIN_ROWS) return none;
  const { p10, p90 } = await predictAll({ ...model, offsets: none }, volMovingAvg, adjCloseRollingMed);
  const below = volume.map((actual, row) => logVolume(p10[row] as number) - logVolume(actual));
  const above = volume.map((actual, row) => logVolume(actual) - logVolume(p90[row] as number));
  const all = { down: conformalQuantile(below), up: conformalQuantile(above) };
  const deciles = groupByDecile(volMovingAvg).map(({ median, rows }) => ({
    at: logVolume(median),
    weight: rows.length / (rows.length + POOLED_ROWS),
    down: conformalQuantile(Float64Array.from(rows, (row) => below[row] as number)),
    up: conformalQuantile(Float64Array.from(rows, (row) => above[row] as number)),
  }));
  for (let pooled = 0; ; pooled = Math.min(1, pooled + 0.05)) {
    const towardsAll = (side: 'down' | 'up') =>
      deciles.map((decile) => all[side] + (decile[side] - all[side]) * decile.weight * (1 - pooled));
    const offsets = { at: deciles.map(({ at }) => at), down: towardsAll('down'), up: towardsAll('up') };
    if (pooled === 1 || (await isMonotone({ ...model, offsets }, adjCloseRollingMedGrid))) return offsets;
  }
}

/** The smallest score that is not below nine tenths of these scores and one more. */
function conformalQuantile(scores: Float64Array): number {
  const rank = Math.ceil(0.9 * (scores.length + 1));
  return scores.slice().sort()[Math.min(rank, scores.length) - 1] as number;
}

/** The rows and the median of each decile, ascending; fewer than ten where values repeat. */
function groupByDecile(values: Float64Array): { median: number; rows: number[] }[] {
  const sorted = values.slice().sort();
  const edges = Array.from(
    { length: 10 },
    (_, decile) => sorted[Math.floor((sorted.length * decile) / 10)] as number,
  );
  const deciles = [...new Set(edges)].map((from) => ({ from, rows: [] as number[] }));
  for (const [row, value] of values.entries()) deciles.findLast(({ from }) => value >= from)?.rows.push(row);
  let end = 0;
  return deciles.map(({ rows }) => {
    const start = end;
    end += rows.length;
    return { median: sorted[Math.floor((start + end) / 2)] as number, rows };
  });
}
