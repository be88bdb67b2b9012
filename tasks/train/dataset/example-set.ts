import type { Tensor2D } from '@tensorflow/tfjs-node';
import { densityCell } from '../../../model/arithmetic.ts';
import type { Density, Scale } from '../../../model/model.ts';
import { PermanentError } from '../../lib/errors.ts';
import type { TensorFlow } from '../tensorflow.ts';
import { Histogram } from './histogram.ts';

/** The inputs and the target of some rows of one shard, in log units; a value per row. */
export interface Examples {
  /** The shard's file. */
  path: string;
  logVolMovingAvg: Float32Array;
  signedLogAdjCloseRollingMed: Float32Array;
  /** The target: ln(1 + Volume) - ln(1 + vol_moving_avg). */
  logRatio: Float32Array;
  /** In any unit. */
  weight: Float32Array;
}

/** All examples to train or validate on, with their statistics. */
export interface ExampleSet {
  count: number;
  /** Of shape [count, 4]: both inputs, log ratio, weight. The owner must dispose of it. */
  values: Tensor2D;
  scales: [Scale, Scale];
  density: Density;
  meanWeight: number;
  /** Quantiles of the log ratio, to a hundredth; the network starts from them. */
  logRatioQuantiles: { p10: number; p50: number; p90: number };
  /**
   * 50 values of the signed log adj_close_rolling_med from the smallest to the largest, with the
   * same number of examples between neighbours. Whether predictions are monotone is checked along
   * them.
   */
  adjCloseRollingMedGrid: number[];
}

/** Edges of the density's cells: e - 1, e² - 1 … shares; prices of 0, 1.7, 6.4, 19 … */
const EDGES = {
  volMovingAvgEdges: Array.from({ length: 20 }, (_, index) => index + 1),
  adjCloseRollingMedEdges: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10],
};

const COLUMNS = 4;

/** The shares of the examples up to each inner value of the adjCloseRollingMedGrid. */
const GRID_SHARES = Array.from({ length: 48 }, (_, index) => (index + 1) / 49);

/** Builds an ExampleSet from examples that are read shard by shard. */
export class ExampleSetBuilder {
  readonly #tf: TensorFlow;
  /** Of shape [maxRows, 4]. The system provides memory only for the pages that are written to. */
  readonly #values: Float32Array;
  readonly #sums = [newSums(), newSums()] as const;
  readonly #counts = new Float64Array(
    (EDGES.volMovingAvgEdges.length + 1) * (EDGES.adjCloseRollingMedEdges.length + 1),
  );
  readonly #logRatios = new Histogram();
  readonly #signedLogAdjCloseRollingMeds = new Histogram();
  #weight = 0;
  #rows = 0;

  constructor(maxRows: number, tf: TensorFlow) {
    this.#tf = tf;
    this.#values = new Float32Array(maxRows * COLUMNS);
  }

  /** @throws PermanentError when a feature is not a finite number */
  add({ path, logVolMovingAvg, signedLogAdjCloseRollingMed, logRatio, weight }: Examples): void {
    const columns = [logVolMovingAvg, signedLogAdjCloseRollingMed, logRatio, weight];
    for (const [column, values] of columns.entries()) {
      let place = this.#rows * COLUMNS + column;
      for (const value of values) {
        this.#values[place] = value;
        place += COLUMNS;
      }
    }
    addToSums(this.#sums[0], logVolMovingAvg);
    addToSums(this.#sums[1], signedLogAdjCloseRollingMed);
    if (!this.#sums.every(({ sum }) => Number.isFinite(sum)))
      throw new PermanentError(
        `${path}: a feature is not a finite number; remove the folder of this file, and run features again`,
      );
    this.#logRatios.add(logRatio);
    this.#signedLogAdjCloseRollingMeds.add(signedLogAdjCloseRollingMed);
    for (const [row, value] of weight.entries()) {
      this.#weight += value;
      const inputs = [logVolMovingAvg[row] as number, signedLogAdjCloseRollingMed[row] as number] as const;
      const cell = densityCell(...inputs, EDGES);
      this.#counts[cell] = (this.#counts[cell] as number) + 1;
    }
    this.#rows += weight.length;
  }

  /** The set of all examples that were added. Call it once, last. */
  build(): ExampleSet {
    const scales = this.#sums.map((sums) => scaleOf(sums, this.#rows)) as [Scale, Scale];
    const [p10, p50, p90] = this.#logRatios.quantiles([0.1, 0.5, 0.9]) as [number, number, number];
    const [, { min, max }] = scales;
    return {
      count: this.#rows,
      values: this.#tf.tensor2d(this.#values.subarray(0, this.#rows * COLUMNS), [this.#rows, COLUMNS]),
      scales,
      density: { ...EDGES, shares: Float32Array.from(this.#counts, (count) => count / this.#rows) },
      meanWeight: this.#weight / this.#rows,
      logRatioQuantiles: { p10, p50, p90 },
      adjCloseRollingMedGrid: [min, ...this.#signedLogAdjCloseRollingMeds.quantiles(GRID_SHARES), max],
    };
  }
}

interface Sums {
  min: number;
  max: number;
  /** The first value. Sums of distances from it keep their digits where values hardly differ. */
  origin: number;
  sum: number;
  squares: number;
}

function newSums(): Sums {
  return { min: Infinity, max: -Infinity, origin: Number.NaN, sum: 0, squares: 0 };
}

function addToSums(sums: Sums, values: Float32Array): void {
  if (Number.isNaN(sums.origin)) sums.origin = values[0] ?? Number.NaN;
  for (const value of values) {
    const distance = value - sums.origin;
    sums.min = Math.min(sums.min, value);
    sums.max = Math.max(sums.max, value);
    sums.sum += distance;
    sums.squares += distance * distance;
  }
}

function scaleOf({ min, max, origin, sum, squares }: Sums, rows: number): Scale {
  const distance = sum / rows;
  // Where all values are the same, their deviation of 0 cannot divide.
  const deviation = min === max ? 1 : Math.sqrt(squares / rows - distance ** 2);
  return { min, max, mean: origin + distance, deviation };
}
