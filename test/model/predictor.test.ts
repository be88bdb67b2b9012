import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clip, interpolate, logVolume, signedLog, tanh } from '../../model/arithmetic.ts';
import type { CalibrationOffsets, DenseLayer, Model, Prediction } from '../../model/model.ts';
import { createPredictor } from '../../model/predictor.ts';
import { dense, modelOf } from '../support/tiny-model.ts';

const model = modelOf([
  dense(
    [
      [0.31, -1.7, 0.003],
      [0.9, 0.11, -0.4],
    ],
    [0.1, -0.2, 0.3],
  ),
  dense(
    [
      [1.1, 0.2, -0.3, 0.4],
      [0.7, -2.1, 0.5, 0.6],
      [-0.6, 0.8, 1.3, -0.9],
    ],
    [0.01, 0.5, -0.7, 0.2],
  ),
]);

it.each<[string, CalibrationOffsets]>([
  ['no offsets', { at: [0], down: [0], up: [0] }],
  ['offsets by vol_moving_avg', { at: [1, 3.3, 9], down: [0.21, -0.1, 0.3], up: [-0.4, 0.17, 0.02] }],
])('gives the same bits as the plain formula, with %s', (_, offsets) => {
  const calibrated = { ...model, offsets };
  const fast = createPredictor(calibrated);
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(number, number, (volMovingAvg, adjCloseRollingMed) => {
      expect(fast(Math.abs(volMovingAvg), adjCloseRollingMed)).toStrictEqual(
        predictPlainly(calibrated, Math.abs(volMovingAvg), adjCloseRollingMed),
      );
    }),
    { numRuns: 2_000 },
  );
});

it('does not change an earlier prediction when it predicts again', () => {
  const fast = createPredictor(model);
  const first = fast(12_345, 25);
  fast(1e9, -3);
  expect(first).toStrictEqual(predictPlainly(model, 12_345, 25));
});

it('has a tanh within 4e-16 of Math.tanh', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.double({ min: -25, max: 25 })), (x) => {
      if (Number.isNaN(x)) expect(tanh(x)).toBeNaN();
      else expect(Math.abs(tanh(x) - Math.tanh(x))).toBeLessThanOrEqual(4e-16);
    }),
    { numRuns: 20_000 },
  );
});

/** The formula of docs/model.md, without the optimisations. */
function predictPlainly(
  { layers, scales, offsets }: Model,
  volMovingAvg: number,
  adjCloseRollingMed: number,
): Prediction {
  const logVolMovingAvg = logVolume(volMovingAvg);
  const [volMovingAvgScale, adjCloseRollingMedScale] = scales;
  let signal = [
    (clip(logVolMovingAvg, volMovingAvgScale) - volMovingAvgScale.mean) / volMovingAvgScale.deviation,
    (clip(signedLog(adjCloseRollingMed), adjCloseRollingMedScale) - adjCloseRollingMedScale.mean) /
      adjCloseRollingMedScale.deviation,
  ];
  for (const [index, layer] of layers.entries()) {
    signal = linear(layer, signal);
    if (index < layers.length - 1) signal = signal.map(tanh);
  }
  const [middle = 0, below = 0, above = 0, point = 0] = signal;
  const place = clip(logVolMovingAvg, volMovingAvgScale);
  const low = Math.min(middle - softplus(below) - interpolate(place, offsets.at, offsets.down), middle);
  const high = Math.max(middle + softplus(above) + interpolate(place, offsets.at, offsets.up), middle);
  const [p10, p50, p90, best] = [low, middle, high, Math.min(Math.max(point, low), high)].map((logRatio) =>
    Math.min(Math.max(0, Math.expm1(logVolMovingAvg + logRatio)), Number.MAX_SAFE_INTEGER),
  );
  return { point: best, p10, p50, p90 } as Prediction;
}

function linear({ kernel, bias }: DenseLayer, signal: number[]): number[] {
  return Array.from(bias, (start, j) =>
    signal.reduce((sum, x, i) => sum + x * (kernel[i * bias.length + j] as number), start),
  );
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
