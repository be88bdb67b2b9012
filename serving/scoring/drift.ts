import { densityCell, logVolume, signedLog } from '../../model/arithmetic.ts';
import type { Density } from '../../model/model.ts';

/** The minimum share of a cell, so that an empty one does not make the index infinite. */
const MIN_SHARE = 1e-4;

/**
 * Minimum rows for an index. Chance alone gives about cells / rows: 0.02 for 231 cells, the number
 * that training makes.
 */
export const MIN_ROWS = 10_000;

/** Counts on the training grid of a model, of one process or of all. */
export interface DriftCounts {
  version: string;
  /** Share of the training rows, by cell. */
  shares: Float32Array;
  /** Requested rows, by cell. */
  counts: Float64Array;
}

/** Counts requested rows by cell of the training grid, in constant memory. */
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

  /** The counts so far. The array is live, not a copy. */
  counted(version: string): DriftCounts {
    return { version, shares: this.#density.shares, counts: this.#counts };
  }
}

/** Sums the counts of several processes, separately for each model. */
export function addCounts(all: DriftCounts[]): DriftCounts[] {
  const sums: DriftCounts[] = [];
  for (const { version, shares, counts } of all) {
    const sum = sums.find((one) => one.version === version && String(one.shares) === String(shares));
    if (sum) sum.counts = sum.counts.map((count, cell) => count + (counts[cell] as number));
    else sums.push({ version, shares, counts });
  }
  return sums;
}

export function rowsOf({ counts }: DriftCounts): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * The population stability index: sum of (actual - expected) ln(actual / expected); NaN for fewer
 * rows than MIN_ROWS.
 */
export function stabilityIndex(counted: DriftCounts): number {
  const rows = rowsOf(counted);
  if (rows < MIN_ROWS) return Number.NaN;
  return counted.counts.reduce((sum, count, cell) => {
    const actual = Math.max(count / rows, MIN_SHARE);
    const expected = Math.max(counted.shares[cell] as number, MIN_SHARE);
    return sum + (actual - expected) * Math.log(actual / expected);
  }, 0);
}
