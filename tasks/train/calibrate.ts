import { logVolume, type Model } from '../../serving/model.ts';
import { predictAll } from '../score.ts';
import type { Block } from './dataset.ts';

/**
 * By how much p10 has to go down and p90 up, in log units, so that a tenth of the block's volumes lies below one and a tenth
 * above the other: split conformal prediction, each side for itself (Romano, Patterson, Candès: Conformalized quantile
 * regression, 2019). [0, 0] for a block of fewer than 100 rows, in which a tenth says little.
 */
export async function calibrate(model: Model, { volume, average, median }: Block): Promise<[number, number]> {
  if (volume.length < 100) return [0, 0];
  const { p10, p90 } = await predictAll({ ...model, offsets: [0, 0] }, average, median);
  const below = volume.map((actual, row) => logVolume(p10[row] as number) - logVolume(actual));
  const above = volume.map((actual, row) => logVolume(actual) - logVolume(p90[row] as number));
  return [conformalQuantile(below), conformalQuantile(above)];
}

/** The score that nine tenths of such scores, and of one more, do not exceed. */
function conformalQuantile(scores: Float64Array): number {
  const rank = Math.ceil(0.9 * (scores.length + 1));
  return scores.sort()[Math.min(rank, scores.length) - 1] as number;
}
