import { setImmediate } from 'node:timers/promises';
import { signedExp } from '../../../model/arithmetic.ts';
import type { DenseLayer, Model } from '../../../model/model.ts';
import { createPredictor } from '../../../model/predictor.ts';

/** Points of the grid along the range of vol_moving_avg that training saw. */
const GRID_POINTS = 2_000;

/**
 * Flattens the model's response, in steps of a twentieth, until none of the four predictions falls
 * where vol_moving_avg rises on a grid over the range that training saw. Beyond that range they
 * always rise: inputs are clipped, so the ratio is constant. Flattened completely, all ratios are
 * constant, so there always is such a model.
 * @param adjCloseRollingMedGrid in signed log units
 */
export async function makeMonotone(
  model: Model,
  adjCloseRollingMedGrid: number[],
): Promise<{ model: Model; flattened: number }> {
  for (let flattened = 0; ; flattened = Math.min(1, flattened + 0.05)) {
    const candidate = { ...model, layers: scaleLastKernel(model.layers, 1 - flattened) };
    if (flattened === 1 || (await isMonotone(candidate, adjCloseRollingMedGrid)))
      return { model: candidate, flattened };
  }
}

/** Whether no prediction falls where vol_moving_avg rises, on the grid. */
export async function isMonotone(model: Model, adjCloseRollingMedGrid: number[]): Promise<boolean> {
  const [{ min, max }] = model.scales;
  const predict = createPredictor(model);
  for (const signedLog of new Set(adjCloseRollingMedGrid)) {
    // Let the event loop handle signals.
    await setImmediate();
    const adjCloseRollingMed = signedExp(signedLog);
    let before = [0, 0, 0, 0];
    for (let row = 0; row < GRID_POINTS; row++) {
      const logVolMovingAvg = min + ((max - min) * row) / (GRID_POINTS - 1);
      const { point, p10, p50, p90 } = predict(signedExp(logVolMovingAvg), adjCloseRollingMed);
      const now = [point, p10, p50, p90];
      // Rounding in exp() can make the last digits fall where the function does not.
      if (now.some((value, index) => value < (before[index] as number) * (1 - 1e-12))) return false;
      before = now;
    }
  }
  return true;
}

function scaleLastKernel(layers: DenseLayer[], factor: number): DenseLayer[] {
  const last = layers.at(-1) as DenseLayer;
  return [...layers.slice(0, -1), { kernel: last.kernel.map((weight) => weight * factor), bias: last.bias }];
}
