import type { Density, Model, Scale } from './model.ts';

/** A cell of the density with a smaller share of the training rows than this counts as unknown. */
const LEAST_SHARE = 1e-5;

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
export function isInDomain(
  { scales, density }: Model,
  volMovingAvg: number,
  adjCloseRollingMed: number,
): boolean {
  const inputs = [logVolume(volMovingAvg), signedLog(adjCloseRollingMed)] as const;
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

/** What has this signedLog and, where that is not negative, this logVolume; finite, as what lies beyond 700 log units counts as 700. */
export function signedExp(x: number): number {
  return Math.sign(x) * Math.expm1(Math.min(Math.abs(x), 700));
}

/** 2^(-n/16), down to 2^-60, which is nothing beside 1. */
const POWERS = Float64Array.from({ length: 961 }, (_, n) => 2 ** (-n / 16));

/** Of the Taylor series of 2^r: ln(2)^n / n!. */
const C1 = Math.LN2;
const C2 = C1 ** 2 / 2;
const C3 = C1 ** 3 / 6;
const C4 = C1 ** 4 / 24;
const C5 = C1 ** 5 / 120;
const C6 = C1 ** 6 / 720;

/**
 * The hyperbolic tangent, as near as 4e-16, in less than half of the time of Math.tanh: (1 - e) / (1 + e) with e = exp(-2 |x|),
 * which is a power of two from the table times the series of the little that is left.
 */
export function tanh(x: number): number {
  const exponent = Math.min(Math.abs(x) * (2 / Math.LN2), 60);
  const n = (exponent * 16 + 0.5) | 0;
  const r = n / 16 - exponent;
  const e = (POWERS[n] as number) * (1 + r * (C1 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * C6))))));
  const t = (1 - e) / (1 + e);
  return x < 0 ? -t : t;
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
