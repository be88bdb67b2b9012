/** How far predictions of the trading volume lie from what was traded, in shares unless named otherwise. */
export interface Score {
  rows: number;
  mae: number;
  /** Root mean squared error of ln(1 + volume). */
  rmsle: number;
  r2: number;
}

/** Scores predictions against volumes; rows whose prediction is NaN are left out. */
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
    const guess = predicted[index] as number;
    if (Number.isNaN(guess)) continue;
    absolute += Math.abs(guess - actual);
    squaredLog += (Math.log1p(guess) - Math.log1p(actual)) ** 2;
    squared += (guess - actual) ** 2;
    total += (actual - mean) ** 2;
  }
  return { rows, mae: absolute / rows, rmsle: Math.sqrt(squaredLog / rows), r2: 1 - squared / total };
}

/** The share of volumes that lie within [low, high]. */
export function coverage(low: Float64Array, high: Float64Array, volume: Float64Array): number {
  let inside = 0;
  for (const [index, actual] of volume.entries()) {
    if (actual >= (low[index] as number) && actual <= (high[index] as number)) inside++;
  }
  return inside / volume.length;
}
