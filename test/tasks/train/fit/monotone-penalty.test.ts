import type { Tensor2D } from '@tensorflow/tfjs-node';
import { describe, expect, it } from 'vitest';
import { monotonePenalty, penaltyInputs } from '../../../../tasks/train/fit/monotone-penalty.ts';
import { loadTensorFlow } from '../../../../tasks/train/tensorflow.ts';

const tf = await loadTensorFlow();

describe('monotonePenalty', () => {
  const scale = { min: 0, max: 10, mean: 5, deviation: 2 };
  // Log ratios with this slope over the scaled vol_moving_avg, and half of it over ln(1 +
  // vol_moving_avg).
  const withSlope = (slope: number) => {
    const inputs = penaltyInputs([scale, scale], [0, 10], 1, tf);
    return tf.mul(tf.slice2d(inputs, [0, 0], [-1, 1]), [[slope, slope, slope, slope]]) as Tensor2D;
  };

  it.each([
    // ln(1 + volume) rises by 1 + slope / 2; below 0.1 the penalty begins.
    ['0 where volumes rise', 1, 0],
    ['0 where the log ratio falls, but not the volume', -1, 0],
    ['the distance of the slope to MIN_SLOPE where it is below', -4, 1.1],
  ])('is %s', (_what, slope, penalty) => {
    expect(monotonePenalty(withSlope(slope), scale, tf).dataSync()[0]).toBeCloseTo(penalty, 4);
  });
});

describe('penaltyInputs', () => {
  it('have the same number of prices between neighbours of the grid, and a vol_moving_avg in its whole range, then larger', () => {
    const scale = { min: 0, max: 10, mean: 5, deviation: 2 };
    const inputs = penaltyInputs([scale, scale], [0, 1, 1.1, 1.2, 10], 1, tf).arraySync() as [
      number,
      number,
    ][];
    const [before, after] = [inputs.slice(0, 256), inputs.slice(256)];
    const prices = before.map(([, adjCloseRollingMed]) => adjCloseRollingMed * 2 + 5);
    for (const [from, to] of [
      [0, 1],
      [1, 1.1],
      [1.1, 1.2],
      [1.2, 10],
    ] as const) {
      const share = prices.filter((price) => price >= from && price < to).length / 256;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.08);
    }
    const volMovingAvgs = before.map(([volMovingAvg]) => volMovingAvg * 2 + 5);
    expect(Math.min(...volMovingAvgs)).toBeLessThan(0.5);
    expect(Math.max(...volMovingAvgs)).toBeGreaterThan(9.5);
    for (const [row, [volMovingAvg, adjCloseRollingMed]] of after.entries())
      expect([volMovingAvg - (before[row]?.[0] ?? 0), adjCloseRollingMed]).toEqual([
        expect.closeTo(0.1, 5),
        before[row]?.[1],
      ]);
  });
});
