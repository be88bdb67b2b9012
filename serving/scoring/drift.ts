import { densityCell, logVolume, signedLog } from '../../model/arithmetic.ts';
import type { Density } from '../../model/model.ts';

/** What a share counts as at least, so that an empty cell does not make the index infinite. */
const FLOOR = 1e-4;

/** Fewer rows have no index: chance alone makes it about cells / rows, 0.02 for these and the 231 cells that training makes. */
export const LEAST_ROWS = 10_000;

/** What a process, or all of them, counted on the training grid of a model. */
export interface Counted {
  version: string;
  /** The share of the training rows by cell. */
  shares: Float32Array;
  /** Rows asked for by cell. */
  counts: Float64Array;
}

/** Counts requests in the cells of the training grid. Its memory is the grid, however many requests there are. */
export class Drift {
  readonly #density: Density;
  readonly #counts: Float64Array;

  constructor(density: Density) {
    this.#density = density;
    this.#counts = new Float64Array(density.shares.length);
  }

  observe(volMovingAvg: number, adjCloseRollingMed: number): void {
    const index = densityCell(logVolume(volMovingAvg), signedLog(adjCloseRollingMed), this.#density);
    this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  /** What was counted so far; it goes on counting in the same array. */
  counted(version: string): Counted {
    return { version, shares: this.#density.shares, counts: this.#counts };
  }
}

/** Adds up what several processes counted, apart by model and its training rows. */
export function addCounts(all: Counted[]): Counted[] {
  const sums: Counted[] = [];
  for (const { version, shares, counts } of all) {
    const sum = sums.find((one) => one.version === version && String(one.shares) === String(shares));
    if (sum) sum.counts = sum.counts.map((count, cell) => count + (counts[cell] as number));
    else sums.push({ version, shares, counts });
  }
  return sums;
}

/** How many rows were counted. */
export function rowsOf({ counts }: Counted): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The population stability index: sum of (actual - expected) ln(actual / expected); NaN for fewer rows than LEAST_ROWS. */
export function stabilityIndex(counted: Counted): number {
  const rows = rowsOf(counted);
  if (rows < LEAST_ROWS) return Number.NaN;
  return counted.counts.reduce((sum, count, cell) => {
    const actual = Math.max(count / rows, FLOOR);
    const expected = Math.max(counted.shares[cell] as number, FLOOR);
    return sum + (actual - expected) * Math.log(actual / expected);
  }, 0);
}
