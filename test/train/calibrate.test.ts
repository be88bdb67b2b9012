import { expect, it } from 'vitest';
import { calibrate } from '../../tasks/train/calibrate.ts';
import type { Block } from '../../tasks/train/dataset.ts';
import { constantModel } from '../tiny-model.ts';

/** Rows with vol_moving_avg 0, of which a model with the outputs 2, 0, 0 says ln(1 + volume) = 2 ± ln 2. */
function blockOf(logVolumes: number[]): Block {
  const zeros = new Float64Array(logVolumes.length);
  return {
    isEtf: undefined,
    year: new Int32Array(logVolumes.length),
    volume: Float64Array.from(logVolumes, Math.expm1),
    average: zeros,
    median: zeros,
    laggedAverage: zeros,
    laggedMedian: zeros,
  };
}
const model = constantModel([2, 0, 0]);

it('moves both ends so that a tenth of the volumes lies beyond each', async () => {
  // 199 volumes, ln(1 + volume) = 0.02, 0.04 … 3.98. p10 is to have 0.9 x 200 = 180 of them at or above it: 0.40.
  const logVolumes = Array.from({ length: 199 }, (_, row) => (row + 1) * 0.02);
  const [down, up] = await calibrate(model, blockOf(logVolumes));
  expect(2 - Math.LN2 - down).toBeCloseTo(0.4, 9);
  expect(2 + Math.LN2 + up).toBeCloseTo(3.6, 9);
});

it('moves nothing on the word of fewer than a hundred rows', async () => {
  expect(await calibrate(model, blockOf([0, 9]))).toEqual([0, 0]);
});
