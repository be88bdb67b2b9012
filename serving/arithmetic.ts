import type { Dense, Density, Model, Prediction, Scale } from './model.ts';

/** A cell of the density with a smaller share of the training rows than this counts as unknown. */
const LEAST_SHARE = 1e-5;

/**
 * Predicts a day's trading volume.
 * @param volumeAverage vol_moving_avg in shares, >= 0
 * @param priceMedian adj_close_rolling_med in the price's currency, of any sign
 */
export function predict(
  { layers, scales, offsets }: Model,
  volumeAverage: number,
  priceMedian: number,
): Prediction {
  const logAverage = logVolume(volumeAverage);
  let signal = [scale(logAverage, scales[0]), scale(signedLog(priceMedian), scales[1])];
  for (const [index, layer] of layers.entries()) {
    signal = apply(layer, signal);
    if (index < layers.length - 1) signal = signal.map(Math.tanh);
  }
  const place = clip(logAverage, scales[0]);
  const down = interpolate(place, offsets.at, offsets.down);
  const up = interpolate(place, offsets.at, offsets.up);
  const [p10, p50, p90, point] = logRatios(signal, down, up).map((logRatio) =>
    Math.min(Math.max(0, Math.expm1(logAverage + logRatio)), Number.MAX_SAFE_INTEGER),
  );
  return { point, p10, p50, p90 } as Prediction;
}

/**
 * The place in a density's shares of the cell into which inputs fall; a cell begins with its lower edge.
 * @param logAverage logVolume of vol_moving_avg @param logMedian signedLog of adj_close_rolling_med
 */
export function cellOf(
  logAverage: number,
  logMedian: number,
  { averageEdges, medianEdges }: Omit<Density, 'shares'>,
): number {
  return countBelow(averageEdges, logAverage) * (medianEdges.length + 1) + countBelow(medianEdges, logMedian);
}

/** Whether training saw rows like these: each input within its range, and enough rows in the cell of both. */
export function isInDomain({ scales, density }: Model, volumeAverage: number, priceMedian: number): boolean {
  const inputs = [logVolume(volumeAverage), signedLog(priceMedian)] as const;
  const isWithin = scales.every(({ min, max }, index) => {
    // The bounds were taken from inputs of single precision.
    const x = Math.fround(inputs[index] as number);
    return x >= min && x <= max;
  });
  return isWithin && (density.shares[cellOf(...inputs, density)] as number) >= LEAST_SHARE;
}

function countBelow(edges: number[], x: number): number {
  let count = 0;
  while (count < edges.length && x >= (edges[count] as number)) count++;
  return count;
}

/** The volume in log units: ln(1 + shares). */
export function logVolume(volume: number): number {
  return Math.log1p(volume);
}

/** The sign of x times ln(1 + |x|). */
export function signedLog(x: number): number {
  return Math.sign(x) * Math.log1p(Math.abs(x));
}

/**
 * p10, p50, p90 and the point of ln(1 + Volume) - ln(1 + vol_moving_avg). p10 and p90 lie a softplus away from p50, and calibration
 * moves them no further than to p50, so they cannot cross.
 */
function logRatios(
  [middle = 0, below = 0, above = 0, point = 0]: number[],
  down: number,
  up: number,
): [number, number, number, number] {
  const low = Math.min(middle - softplus(below) - down, middle);
  const high = Math.max(middle + softplus(above) + up, middle);
  return [low, middle, high, Math.min(Math.max(point, low), high)];
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scale(x: number, range: Scale): number {
  return (clip(x, range) - range.mean) / range.deviation;
}

/** The nearest that training saw. */
export function clip(x: number, { min, max }: Scale): number {
  return Math.min(Math.max(x, min), max);
}

/** The value at x of the straight lines through the points (xs, ys), which go on level at both ends. @param xs ascending */
export function interpolate(x: number, xs: number[], ys: number[]): number {
  const next = countBelow(xs, x);
  if (next === 0 || next === xs.length) return ys[Math.max(0, next - 1)] as number;
  const [from, to] = [xs[next - 1] as number, xs[next] as number];
  const share = (x - from) / (to - from);
  return (ys[next - 1] as number) * (1 - share) + (ys[next] as number) * share;
}

function apply({ kernel, bias }: Dense, signal: number[]): number[] {
  const outputs = Array.from(bias);
  for (const [i, x] of signal.entries()) {
    for (let j = 0; j < outputs.length; j++)
      outputs[j] = (outputs[j] as number) + x * (kernel[i * outputs.length + j] as number);
  }
  return outputs;
}
