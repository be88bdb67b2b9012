/**
 * What a model is: two numbers in; a point and three quantiles of the trading volume out. What training writes and serving
 * reads meets here and in the files that import it, so nothing native may be imported.
 */

/** The lower, middle and upper quantile that the model predicts. */
export const QUANTILES = [0.1, 0.5, 0.9] as const;

/** What a network puts out: p50, the raw distances to p10 and p90, and the point. */
export const OUTPUTS = QUANTILES.length + 1;

/** A fully connected layer: `kernel` has the shape [inputs, outputs] in row-major order, `bias` [outputs]. */
export interface Dense {
  kernel: Float32Array;
  bias: Float32Array;
}

/** How an input is scaled: clipped to [min, max], then (x - mean) / deviation; all in log units. */
export interface Scale {
  min: number;
  max: number;
  mean: number;
  deviation: number;
}

/** Where the training rows lie: the shares of them in the cells of a fixed grid over the two inputs in log units. */
export interface Density {
  /** Inner edges, ascending; n edges part n + 1 cells. */
  averageEdges: number[];
  medianEdges: number[];
  /** Of shape [averageEdges.length + 1, medianEdges.length + 1], row-major; adds up to 1. */
  shares: Float32Array;
}

/**
 * By how much calibration moves p10 down and p90 up, in log units, at some places of logVolume(vol_moving_avg): on a straight
 * line in between, and beyond the first and last as there.
 */
export interface Offsets {
  /** Ascending. */
  at: number[];
  down: number[];
  up: number[];
}

/** A model as it lies in model.bin. */
export interface Model {
  /** Hidden layers with tanh, then one without, whose outputs are p50, the raw distances to p10 and p90, and the point. */
  layers: Dense[];
  /** For logVolume and signedLog, in this order. */
  scales: [Scale, Scale];
  offsets: Offsets;
  density: Density;
  /** The day before which all training rows lie: YYYY-MM-DD. */
  asOf: string;
  /** Whatever else is worth knowing of its making. */
  provenance: Record<string, string>;
}

/** Trading volumes in shares, p10 <= p50 <= p90 and p10 <= point <= p90, none negative or beyond 2^53 - 1. */
export interface Prediction {
  /** The best single answer: near the mean of logarithms for small averages, and the median for large ones. */
  point: number;
  p10: number;
  p50: number;
  p90: number;
}

/** A model file that cannot be used. */
export class ModelError extends Error {}
