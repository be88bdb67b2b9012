import type { Tensor2D } from '@tensorflow/tfjs-node';
import { densityCell } from '../../../model/arithmetic.ts';
import type { Density, Scale } from '../../../model/model.ts';
import { PermanentError } from '../../lib/errors.ts';
import type { TensorFlow } from '../fit/tensorflow.ts';
import { Histogram } from './histogram.ts';

/** Model inputs and target in log units, one value a row. */
export interface Examples {
  /** The shard that they were read from. */
  path: string;
  logAverage: Float32Array;
  signedLogMedian: Float32Array;
  logRatio: Float32Array;
  /** How much each row counts, in any unit. */
  weight: Float32Array;
}

/** Rows ready for training, and what is to be known of them. */
export interface Rows {
  count: number;
  /** Of shape [rows, 4]: log average, signed log median, log ratio, weight. Dispose of it. */
  values: Tensor2D;
  scales: [Scale, Scale];
  density: Density;
  meanWeight: number;
  /** Quantiles of the log ratio, to a hundredth: from where the network starts. */
  start: { p10: number; p50: number; p90: number };
  /** Signed log medians with as many rows between each two, from the least to the largest: where it is looked whether predictions fall. */
  signedLogMedians: number[];
}

/** Edges of the density's cells: e - 1, e² - 1 … shares; prices of 0, 1.7, 6.4, 19 … in the currency's units. */
const AVERAGE_EDGES = Array.from({ length: 20 }, (_, index) => index + 1);
const MEDIAN_EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10];

const COLUMNS = 4;

/** The shares of the rows up to each of the signedLogMedians but the first and the last. */
const MEDIAN_SHARES = Array.from({ length: 48 }, (_, index) => (index + 1) / 49);

/** Gathers rows as they are read, part by part. */
export class RowGatherer {
  readonly #tf: TensorFlow;
  /** Of shape [most rows, 4]. Memory that is never written to is never taken. */
  readonly #values: Float32Array;
  readonly #sums = [newSums(), newSums()] as const;
  readonly #counts = new Float64Array((AVERAGE_EDGES.length + 1) * (MEDIAN_EDGES.length + 1));
  readonly #ratios = new Histogram();
  readonly #signedLogMedians = new Histogram();
  #weight = 0;
  #rows = 0;

  constructor(mostRows: number, tf: TensorFlow) {
    this.#tf = tf;
    this.#values = new Float32Array(mostRows * COLUMNS);
  }

  /** @throws PermanentError when a feature is no finite number */
  add({ path, logAverage, signedLogMedian, logRatio, weight }: Examples): void {
    for (const [column, values] of [logAverage, signedLogMedian, logRatio, weight].entries()) {
      let place = this.#rows * COLUMNS + column;
      for (const value of values) {
        this.#values[place] = value;
        place += COLUMNS;
      }
    }
    addTo(this.#sums[0], logAverage);
    addTo(this.#sums[1], signedLogMedian);
    if (!this.#sums.every(({ sum }) => Number.isFinite(sum)))
      throw new PermanentError(
        `${path}: a feature is no finite number; remove the folder that it lies in, and run features again`,
      );
    this.#ratios.add(logRatio);
    this.#signedLogMedians.add(signedLogMedian);
    for (const [row, value] of weight.entries()) {
      this.#weight += value;
      const cell = densityCell(logAverage[row] as number, signedLogMedian[row] as number, EDGES);
      this.#counts[cell] = (this.#counts[cell] as number) + 1;
    }
    this.#rows += weight.length;
  }

  /** All rows that were added; nothing can be added any more. */
  finish(): Rows {
    const scales = this.#sums.map((sums) => scaleOf(sums, this.#rows)) as [Scale, Scale];
    const [p10, p50, p90] = this.#ratios.quantiles([0.1, 0.5, 0.9]) as [number, number, number];
    return {
      count: this.#rows,
      values: this.#tf.tensor2d(this.#values.subarray(0, this.#rows * COLUMNS), [this.#rows, COLUMNS]),
      scales,
      density: { ...EDGES, shares: Float32Array.from(this.#counts, (count) => count / this.#rows) },
      meanWeight: this.#weight / this.#rows,
      start: { p10, p50, p90 },
      signedLogMedians: [scales[1].min, ...this.#signedLogMedians.quantiles(MEDIAN_SHARES), scales[1].max],
    };
  }
}

const EDGES = { volMovingAvgEdges: AVERAGE_EDGES, adjCloseRollingMedEdges: MEDIAN_EDGES };

interface Sums {
  min: number;
  max: number;
  /** The first value: what is summed is how far the values lie from it, so that nothing cancels where they hardly differ. */
  from: number;
  sum: number;
  squares: number;
}

function newSums(): Sums {
  return { min: Infinity, max: -Infinity, from: Number.NaN, sum: 0, squares: 0 };
}

function addTo(sums: Sums, values: Float32Array): void {
  if (Number.isNaN(sums.from)) sums.from = values[0] ?? Number.NaN;
  for (const value of values) {
    const distance = value - sums.from;
    sums.min = Math.min(sums.min, value);
    sums.max = Math.max(sums.max, value);
    sums.sum += distance;
    sums.squares += distance * distance;
  }
}

function scaleOf({ min, max, from, sum, squares }: Sums, rows: number): Scale {
  const distance = sum / rows;
  // Of values that are all the same any deviation will do, but none that is nearly nothing.
  const deviation = min === max ? 1 : Math.sqrt(squares / rows - distance ** 2);
  return { min, max, mean: from + distance, deviation };
}
