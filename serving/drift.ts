import { logVolume, signedLog } from './model.ts';

/** Where the training rows lie; see model.ts. */
export interface Density {
  averageEdges: number[];
  medianEdges: number[];
  shares: ArrayLike<number>;
}

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
    const { averageEdges, medianEdges } = this.#density;
    const row = cell(averageEdges, logVolume(volumeAverage));
    const index = row * (medianEdges.length + 1) + cell(medianEdges, signedLog(priceMedian));
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

/** How many of the ascending edges lie at or below x. */
function cell(edges: number[], x: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}
