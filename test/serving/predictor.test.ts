import fc from 'fast-check';
import { expect, it } from 'vitest';
import { predict } from '../../serving/arithmetic.ts';
import type { Offsets } from '../../serving/model.ts';
import { createPredictor } from '../../serving/predictor.ts';
import { dense, modelOf } from '../tiny-model.ts';

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

it.each<[string, Offsets]>([
  ['no offsets', { at: [0], down: [0], up: [0] }],
  ['offsets by vol_moving_avg', { at: [1, 3.3, 9], down: [0.21, -0.1, 0.3], up: [-0.4, 0.17, 0.02] }],
])('agrees with predict() bit for bit, with %s', (_, offsets) => {
  const calibrated = { ...model, offsets };
  const fast = createPredictor(calibrated);
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(number, number, (average, median) => {
      expect(fast(Math.abs(average), median)).toStrictEqual(predict(calibrated, Math.abs(average), median));
    }),
    { numRuns: 2_000 },
  );
});

it('keeps what it returned when it is asked again', () => {
  const fast = createPredictor(model);
  const first = fast(12_345, 25);
  fast(1e9, -3);
  expect(first).toStrictEqual(predict(model, 12_345, 25));
});
