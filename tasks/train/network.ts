import type { Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs-node';
import { type Dense, OUTPUTS, QUANTILES, type Scale } from '../../serving/model.ts';
import type { TensorFlow } from './tensorflow.ts';

/** Widths of the hidden layers; tanh, so that the response is smooth. */
const HIDDEN = [32, 32];

/** At how many points each step looks whether predictions fall, and the least rise of ln(1 + volume) that it wants. */
const FALL_POINTS = 256;
const FALL_STEP = 0.1;
const LEAST_SLOPE = 0.1;

/** Between quantiles at the start: a softplus hardly learns from where it is flat. */
const LEAST_DISTANCE = 0.05;

/** The network whose arithmetic serving/arithmetic.ts repeats: two scaled inputs; three quantiles and a point of the log ratio. */
export class Network {
  readonly #tf: TensorFlow;
  readonly #layers: { kernel: Variable; bias: Variable }[];

  /** Starts with Glorot-normal kernels drawn from the seed. @param biases of the outputs */
  constructor(seed: number, tf: TensorFlow, biases: number[] = Array(OUTPUTS).fill(0)) {
    this.#tf = tf;
    const widths = [2, ...HIDDEN, OUTPUTS];
    this.#layers = widths.slice(1).map((outputs, index) => {
      const initializer = tf.initializers.glorotNormal({ seed: seed + index });
      const kernel = tf.tidy(() => tf.variable(initializer.apply([widths[index] as number, outputs])));
      const isLast = index === HIDDEN.length;
      const bias = tf.tidy(() => tf.variable(isLast ? tf.tensor1d(biases) : tf.zeros([outputs])));
      return { kernel, bias };
    });
  }

  /** @param inputs scaled, of shape [rows, 2] @returns p10, p50, p90 and the point of the log ratio, of shape [rows, 4] */
  predict(inputs: Tensor2D): Tensor2D {
    const tf = this.#tf;
    return tf.tidy(() => {
      let signal: Tensor2D = inputs;
      for (const [index, { kernel, bias }] of this.#layers.entries()) {
        signal = tf.add(tf.matMul(signal, kernel as unknown as Tensor2D), bias);
        if (index < this.#layers.length - 1) signal = tf.tanh(signal);
      }
      const [middle, below, above, point] = tf.split(signal, OUTPUTS, 1) as [
        Tensor2D,
        Tensor2D,
        Tensor2D,
        Tensor2D,
      ];
      return tf.concat2d(
        [tf.sub(middle, tf.softplus(below)), middle, tf.add(middle, tf.softplus(above)), point],
        1,
      );
    });
  }

  /** The weights, ready for model.bin. */
  weights(): Dense[] {
    return this.#layers.map(({ kernel, bias }) => ({
      kernel: kernel.dataSync() as Float32Array,
      bias: bias.dataSync() as Float32Array,
    }));
  }

  dispose(): void {
    this.#tf.dispose(this.#layers);
  }
}

/** The output biases with which a network of no kernels says these quantiles of the log ratio, and the median as its point. */
export function outputBiases({ p10, p50, p90 }: { p10: number; p50: number; p90: number }): number[] {
  const rawDistance = (distance: number) => Math.log(Math.expm1(Math.max(distance, LEAST_DISTANCE)));
  return [p50, rawDistance(p50 - p10), rawDistance(p90 - p50), p50];
}

/** A batch of rows. */
export interface Batch {
  /** Scaled, of shape [rows, 2]. */
  inputs: Tensor2D;
  /** Log ratios, of shape [rows]. */
  targets: Tensor1D;
  /** In [0, 1], of shape [rows]: how far the point is to be a median, and not a mean of logarithms. */
  medianShares: Tensor1D;
  /** How much each row counts, 1 on average; of shape [rows]. */
  weights: Tensor1D;
}

/**
 * The weighted mean over rows of two losses: the pinball loss, which the quantiles minimise, and the point's, between an
 * absolute and a squared error.
 * @param predicted of shape [rows, 4]
 */
export function lossOf(predicted: Tensor2D, { targets, medianShares, weights }: Batch, tf: TensorFlow) {
  return tf.tidy(() => {
    const [quantiles, point] = tf.split(predicted, [3, 1], 1) as [Tensor2D, Tensor2D];
    const error = tf.sub(targets, tf.squeeze(point, [1]));
    const pointLoss = tf.add(
      tf.mul(medianShares, tf.abs(error)),
      tf.mul(tf.sub(1, medianShares), tf.square(error)),
    );
    return tf.mean(tf.mul(weights, tf.add(pinballLoss(quantiles, targets, tf), pointLoss))).asScalar();
  });
}

/**
 * Random inputs all over what training saw, and then the same with a vol_moving_avg that is a little larger; for fallOf().
 * @returns scaled, of shape [2 * FALL_POINTS, 2]
 */
export function probesOf(scales: [Scale, Scale], seed: number, tf: TensorFlow): Tensor2D {
  return tf.tidy(() => {
    const [average, median] = scales.map(({ min, max, mean, deviation }, index) =>
      tf.randomUniform(
        [FALL_POINTS, 1],
        (min - mean) / deviation,
        (max - mean) / deviation,
        'float32',
        2 * seed + index,
      ),
    ) as [Tensor2D, Tensor2D];
    const larger = tf.add(average, FALL_STEP) as Tensor2D;
    return tf.concat2d([tf.concat2d([average, median], 1), tf.concat2d([larger, median], 1)], 0);
  });
}

/**
 * How much predictions fall where vol_moving_avg rises: the mean of what the slopes of ln(1 + volume) lack to LEAST_SLOPE.
 * @param predicted for probesOf(), of shape [2 * FALL_POINTS, 4] @param scale of the first input
 */
export function fallOf(predicted: Tensor2D, scale: Scale, tf: TensorFlow) {
  return tf.tidy(() => {
    const [before, after] = tf.split(predicted, 2, 0) as [Tensor2D, Tensor2D];
    const slope = tf.add(tf.div(tf.sub(after, before), FALL_STEP * scale.deviation), 1);
    return tf.mean(tf.relu(tf.sub(LEAST_SLOPE, slope))).asScalar();
  });
}

/**
 * The pinball loss, which quantiles minimise, of each row, averaged over the quantiles.
 * @param predicted of shape [rows, 3] @param actual of shape [rows] @returns of shape [rows]
 */
export function pinballLoss(predicted: Tensor2D, actual: Tensor1D, tf: TensorFlow): Tensor1D {
  return tf.tidy(() => {
    const error = tf.sub(actual.expandDims(1), predicted);
    const quantiles = tf.tensor2d([...QUANTILES], [1, QUANTILES.length]);
    return tf.mean(tf.maximum(tf.mul(quantiles, error), tf.mul(tf.sub(quantiles, 1), error)), 1);
  });
}
