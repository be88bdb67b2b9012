import { setImmediate } from 'node:timers/promises';
import type { Model } from './model.ts';
import { createPredictor } from './predictor.ts';

/** The errors of predicted trading volumes, in shares unless a field says otherwise. */
export interface Score {
  rows: number;
  mae: number;
  /** Root mean squared error of ln(1 + volume). */
  rmsle: number;
  /** Null where all volumes are the same, since then there is no variance to explain. */
  r2: number | null;
}

/** Scores predictions against the actual volumes. Rows with the prediction NaN are left out. */
export function score(predicted: Float64Array, volume: Float64Array): Score {
  let rows = 0;
  let sum = 0;
  for (const [index, actual] of volume.entries()) {
    if (Number.isNaN(predicted[index])) continue;
    rows++;
    sum += actual;
  }
  const mean = sum / rows;
  let absolute = 0;
  let squaredLog = 0;
  let squared = 0;
  let total = 0;
  for (const [index, actual] of volume.entries()) {
    const prediction = predicted[index] as number;
    if (Number.isNaN(prediction)) continue;
    absolute += Math.abs(prediction - actual);
    squaredLog += (Math.log1p(prediction) - Math.log1p(actual)) ** 2;
    squared += (prediction - actual) ** 2;
    total += (actual - mean) ** 2;
  }
  return {
    rows,
    mae: absolute / rows,
    rmsle: Math.sqrt(squaredLog / rows),
    r2: total > 0 ? 1 - squared / total : null,
  };
}

/**
 * The constant multiple of vol_moving_avg with the smallest mean absolute error: the median of
 * volume / vol_moving_avg, weighted by vol_moving_avg. It is 1 where vol_moving_avg is always 0.
 */
export function bestMultiple(volMovingAvg: Float64Array, volume: Float64Array): number {
  const rows = [...volMovingAvg.keys()].filter((row) => (volMovingAvg[row] as number) > 0);
  const ratios = Float64Array.from(volMovingAvg, (value, row) => (volume[row] as number) / value);
  rows.sort((a, b) => (ratios[a] as number) - (ratios[b] as number));
  const half = volMovingAvg.reduce((sum, value) => sum + value, 0) / 2;
  let weight = 0;
  for (const row of rows) {
    weight += volMovingAvg[row] as number;
    if (weight >= half) return ratios[row] as number;
  }
  return 1;
}

/** The ratio of two errors: at most 1e9, since JSON has no Infinity; 1 where both are 0. */
export function ratio(ours: number, theirs: number): number {
  return ours === theirs ? 1 : Math.min(ours / theirs, 1e9);
}

/** The share of volumes in [low, high]. */
export function coverage(low: Float64Array, high: Float64Array, volume: Float64Array): number {
  let inside = 0;
  for (const [index, actual] of volume.entries()) {
    if (actual >= (low[index] as number) && actual <= (high[index] as number)) inside++;
  }
  return inside / volume.length;
}

/** A model's predictions for many rows, in shares; NaN where an input is NaN. */
export interface Predictions {
  /** Rounded, as in the server's answer. */
  point: Float64Array;
  p10: Float64Array;
  p50: Float64Array;
  p90: Float64Array;
}

/** Predicts many rows with the arithmetic that the server uses. */
export async function predictAll(
  model: Model,
  volMovingAvg: Float64Array,
  adjCloseRollingMed: Float64Array,
): Promise<Predictions> {
  const rows = volMovingAvg.length;
  const predicted: Predictions = {
    point: new Float64Array(rows),
    p10: new Float64Array(rows),
    p50: new Float64Array(rows),
    p90: new Float64Array(rows),
  };
  const predict = createPredictor(model);
  for (let row = 0; row < rows; row++) {
    // Let the event loop handle signals.
    if (row % 10_000 === 0) await setImmediate();
    const { point, p10, p50, p90 } = predict(volMovingAvg[row] as number, adjCloseRollingMed[row] as number);
    predicted.point[row] = Math.round(point);
    predicted.p10[row] = p10;
    predicted.p50[row] = p50;
    predicted.p90[row] = p90;
  }
  return predicted;
}
