import { expect, it } from 'vitest';
import type { Model } from '../../../../model/model.ts';
import { isMonotone, makeMonotone } from '../../../../tasks/train/fit/monotone.ts';
import { dense, modelOf } from '../../../support/tiny-model.ts';

const GRID = [0, 2.5, 5];

/** A model whose four log ratios rise by `slope` where ln(1 + vol_moving_avg) rises by 1. */
function withSlope(slope: number): Model {
  const outputs = [slope, 0, 0, slope];
  const model = modelOf([dense([outputs, outputs.map(() => 0)], [20, 0, 0, 20])]);
  return {
    ...model,
    scales: [
      { min: 0, max: 15, mean: 0, deviation: 1 },
      { min: 0, max: 5, mean: 0, deviation: 1 },
    ],
  };
}

// ln(1 + volume) = ln(1 + vol_moving_avg) + log ratio rises by 1 + slope.
it.each([
  [0.5, true],
  [-0.9, true],
  [-1.1, false],
])('a log ratio with the slope %d: monotone is %s', async (slope, expected) => {
  expect(await isMonotone(withSlope(slope), GRID)).toBe(expected);
});

it('a model that falls is flattened, in steps of a twentieth, until it does not', async () => {
  // -1.3 x 0.75 = -0.975 rises again; -1.3 x 0.8 = -1.04 does not.
  const { model, flattened } = await makeMonotone(withSlope(-1.3), GRID);
  expect(flattened).toBeCloseTo(0.25, 9);
  expect(await isMonotone(model, GRID)).toBe(true);
});

it('a model that rises does not change', async () => {
  const model = withSlope(-0.5);
  expect(await makeMonotone(model, GRID)).toEqual({
    model: { ...model, layers: model.layers },
    flattened: 0,
  });
});

it('a fall in a narrow range of prices is found where the grid has a price in it', async () => {
  // tanh(x / 10 - 1000 (m - 1)) is flat except at m = 1. There, near x = 0, it lowers the log ratio
  // by twice the rise of x.
  const hidden = dense([[0.1], [-1_000]], [1_000]);
  const model = { ...withSlope(0), layers: [hidden, dense([[-20, 0, 0, -20]], [10, 0, 0, 10])] };
  expect(await isMonotone(model, [0, 0.9, 1.1, 5])).toBe(true);
  expect(await isMonotone(model, [0, 0.9, 1, 1.1, 5])).toBe(false);
});
