import { setImmediate } from 'node:timers/promises';
import { signedExp } from '../../../model/arithmetic.ts';
import type { DenseLayer, Model } from '../../../model/model.ts';
import { createPredictor } from '../../../model/predictor.ts';

/** Points of the grid along the averages that training saw. */
const AVERAGES = 2_000;

/**
 * The model, with its response flattened towards its bias as little as makes all four predictions rise, or stay, with
 * vol_moving_avg on a grid over what training saw. Beyond that they always rise: inputs are clipped there, so that the ratio stays.
 * Flattened wholly the predicted ratios are constant, so that there is always such a model.
 * @param signedLogMedians the grid's columns, as signedLog gives them
 */
export async function makeMonotone(
  model: Model,
  signedLogMedians: number[],
): Promise<{ model: Model; flattened: number }> {
  for (let flattened = 0; ; flattened = Math.min(1, flattened + 0.05)) {
    const candidate = { ...model, layers: flatten(model.layers, 1 - flattened) };
    if (flattened === 1 || (await isMonotone(candidate, signedLogMedians)))
      return { model: candidate, flattened };
  }
}

/** Whether no prediction falls where vol_moving_avg rises, on the grid. */
export async function isMonotone(model: Model, signedLogMedians: number[]): Promise<boolean> {
  const [averages] = model.scales;
  const predict = createPredictor(model);
  for (const signedLog of new Set(signedLogMedians)) {
    // A turn of the event loop, in which a signal is heard.
    await setImmediate();
    const median = signedExp(signedLog);
    let before = [0, 0, 0, 0];
    for (let row = 0; row < AVERAGES; row++) {
      const logAverage = averages.min + ((averages.max - averages.min) * row) / (AVERAGES - 1);
      const { point, p10, p50, p90 } = predict(signedExp(logAverage), median);
      const now = [point, p10, p50, p90];
      // The last digits of exp() may fall where a function does not.
      if (now.some((value, index) => value < (before[index] as number) * (1 - 1e-12))) return false;
      before = now;
    }
  }
  return true;
}

/** Layers whose output moves by this factor of what it did. */
function flatten(layers: DenseLayer[], factor: number): DenseLayer[] {
  const last = layers.at(-1) as DenseLayer;
  return [...layers.slice(0, -1), { kernel: last.kernel.map((weight) => weight * factor), bias: last.bias }];
}
