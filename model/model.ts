/**
 * A model: two numbers in; a point and three quantiles of the trading volume out. Training writes
 * it, serving reads it. The server has no native module, so nothing in this folder may import one.
 */

/** The quantiles that the model predicts. */
export const QUANTILES = [0.1, 0.5, 0.9] as const;

/** The outputs of the network: p50, the raw distances from it to p10 and p90, and the point. */
export const OUTPUTS = QUANTILES.length + 1;

/**
 * A fully connected layer: `kernel` is [inputs, outputs] in row-major order, `bias` is [outputs].
 */
export interface DenseLayer {
  kernel: Float32Array;
  bias: Float32Array;
}

/** From min to max, both inclusive. */
export interface Range {
  min: number;
  max: number;
}

/** How an input is scaled, in log units: clipped to [min, max], then (x - mean) / deviation. */
export interface Scale extends Range {
  mean: number;
  deviation: number;
}

/** The shares of the training rows in the cells of a fixed grid over both inputs in log units. */
export interface Density {
  /** Inner edges, ascending: n edges make n + 1 cells. */
  volMovingAvgEdges: number[];
  adjCloseRollingMedEdges: number[];
  /** One per cell, row-major: adj_close_rolling_med varies fastest. They add up to 1. */
  shares: Float32Array;
}

/**
 * How far calibration moves p10 down and p90 up, in log units, at some values of
 * logVolume(vol_moving_avg). Between two of them the offset is interpolated linearly; below the
 * first and above the last it is constant.
 */
export interface CalibrationOffsets {
  /** Ascending. */
  at: number[];
  down: number[];
  up: number[];
}

/** The content of a model.bin. */
export interface Model {
  /** Hidden layers with tanh, then a linear one with the OUTPUTS. */
  layers: DenseLayer[];
  /** For logVolume(vol_moving_avg) and signedLog(adj_close_rolling_med), in this order. */
  scales: [Scale, Scale];
  offsets: CalibrationOffsets;
  density: Density;
  /** All training rows are before this day: YYYY-MM-DD. */
  asOf: string;
  /** How the model was made: the run configuration, the keys of its data, and versions. */
  provenance: Record<string, string>;
}

/** Trading volumes in shares, from 0 to 2^53 - 1: p10 <= p50 <= p90 and p10 <= point <= p90. */
export interface Prediction {
  /** Near the mean of logarithms for a small vol_moving_avg, near the median for a large one. */
  point: number;
  p10: number;
  p50: number;
  p90: number;
}

/** A model file that cannot be used. */
export class ModelError extends Error {}
