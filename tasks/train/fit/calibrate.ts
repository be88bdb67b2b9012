import { logVolume } from '../../../model/arithmetic.ts';
import type { CalibrationOffsets, Model } from '../../../model/model.ts';
import { predictAll } from '../../../model/score.ts';
import type { Block } from '../dataset/dataset.ts';
import { isMonotone } from './monotone.ts';

/** Into so many parts, of as many rows each, vol_moving_avg is divided. */
const PARTS = 10;
/** Beside so many rows of its own a part's word counts as much as that of all rows. */
const POOLED_ROWS = 5_000;
/** A tenth of fewer rows than these says little. */
const LEAST_ROWS = 100;

/**
 * By how much p10 has to go down and p90 up, in log units, so that a tenth of the block's volumes lies below one and a tenth
 * above the other: split conformal prediction, each side for itself (Romano, Patterson, Candès: Conformalized quantile
 * regression, 2019), in parts by vol_moving_avg (Mondrian). Each part's offset is drawn towards that of all rows, the more the
 * fewer rows it has, and all of them further where a prediction would fall as vol_moving_avg rises.
 * @param model monotone at these medians without offsets; then it is with the ones that this gives
 */
export async function calibrate(
  model: Model,
  { volume, volMovingAvg, adjCloseRollingMed }: Block,
  signedLogMedians: number[],
): Promise<CalibrationOffsets> {
  const none = { at: [0], down: [0], up: [0] };
  if (volume.length < LEAST_ROWS) return none;
  const { p10, p90 } = await predictAll({ ...model, offsets: none }, volMovingAvg, adjCloseRollingMed);
  const below = volume.map((actual, row) => logVolume(p10[row] as number) - logVolume(actual));
  const above = volume.map((actual, row) => logVolume(actual) - logVolume(p90[row] as number));
  const all = { down: conformalQuantile(below), up: conformalQuantile(above) };
  const parts = partsOf(volMovingAvg).map(({ centre, rows }) => ({
    at: logVolume(centre),
    weight: rows.length / (rows.length + POOLED_ROWS),
    down: conformalQuantile(Float64Array.from(rows, (row) => below[row] as number)),
    up: conformalQuantile(Float64Array.from(rows, (row) => above[row] as number)),
  }));
  for (let pooled = 0; ; pooled = Math.min(1, pooled + 0.05)) {
    const towardsAll = (end: 'down' | 'up') =>
      parts.map((part) => all[end] + (part[end] - all[end]) * part.weight * (1 - pooled));
    const offsets = { at: parts.map(({ at }) => at), down: towardsAll('down'), up: towardsAll('up') };
    if (pooled === 1 || (await isMonotone({ ...model, offsets }, signedLogMedians))) return offsets;
  }
}

/** The score that nine tenths of such scores, and of one more, do not exceed. */
function conformalQuantile(scores: Float64Array): number {
  const rank = Math.ceil(0.9 * (scores.length + 1));
  return scores.slice().sort()[Math.min(rank, scores.length) - 1] as number;
}

/** Which rows have values between two tenths, and the median of these, ascending; fewer parts where values repeat. */
function partsOf(values: Float64Array): { centre: number; rows: number[] }[] {
  const sorted = values.slice().sort();
  const edges = Array.from(
    { length: PARTS },
    (_, part) => sorted[Math.floor((sorted.length * part) / PARTS)],
  );
  const parts = [...new Set(edges)].map((from) => ({
    from: from as number,
    centre: 0,
    rows: [] as number[],
  }));
  for (const [row, value] of values.entries()) parts.findLast(({ from }) => value >= from)?.rows.push(row);
  let end = 0;
  for (const part of parts) {
    const start = end;
    end += part.rows.length;
    part.centre = sorted[Math.floor((start + end) / 2)] as number;
  }
  return parts;
}
