import { cellOf, logVolume, signedLog } from './arithmetic.ts';
import type { Density } from './model.ts';

/** What a share counts as at least, so that an empty cell does not make the index infinite. */
const FLOOR = 1e-4;

/** Counts requests in the cells of the training grid. Its memory is the grid, however many requests there are. */
export class Drift {
  readonly #density: Density;
  readonly #counts: Float64Array;
  rows = 0;

  constructor(density: Density) {
    this.#density = density;
    this.#counts = new Float64Array(density.shares.length);
  }

  observe(volumeAverage: number, priceMedian: number): void {
    const index = cellOf(logVolume(volumeAverage), signedLog(priceMedian), this.#density);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.rows++;
  }

  /** The population stability index: sum of (actual - expected) ln(actual / expected); NaN without a request. */
  index(): number {
    if (this.rows === 0) return Number.NaN;
    return this.#counts.reduce((sum, count, index) => {
      const actual = Math.max(count / this.rows, FLOOR);
      const expected = Math.max(this.#density.shares[index] as number, FLOOR);
      return sum + (actual - expected) * Math.log(actual / expected);
    }, 0);
  }
}
