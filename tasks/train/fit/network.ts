import type { Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs-node';
import { type DenseLayer, OUTPUTS, QUANTILES, type Scale } from '../../../model/model.ts';
import type { Batch } from '../dataset/batch.ts';
import type { Rows } from '../dataset/rows.ts';
import type { TensorFlow } from './tensorflow.ts';

/** Widths of the hidden layers; tanh, so that the response is smooth. */
const HIDDEN = [32, 32];

/** At how many points each step looks whether predictions fall, and the least rise of ln(1 + volume) that it wants. */
const FALL_POINTS = 256;
const FALL_STEP = 0.1;
const LEAST_SLOPE = 0.1;

/** Between quantiles at the start: a softplus hardly learns from where it is flat. */
const LEAST_DISTANCE = 0.05;

/** The network whose arithmetic model/predictor.ts repeats: two scaled inputs; three quantiles and a point of the log ratio. */
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
  weights(): DenseLayer[] {
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
export function outputBiases({ p10, p50, p90 }: Rows['start']): number[] {
  const rawDistance = (distance: number) => Math.log(Math.expm1(Math.max(distance, LEAST_DISTANCE)));
  return [p50, rawDistance(p50 - p10), rawDistance(p90 - p50), p50];
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
 * Random inputs where training saw some, and then the same with a vol_moving_avg that is a little larger; for fallOf().
 * @param signedLogMedians ascending, as signedLog gives them: as many inputs lie between each two
 * @returns scaled, of shape [2 * FALL_POINTS, 2]
 */
export function probesOf(
  [averages, prices]: [Scale, Scale],
  signedLogMedians: number[],
  seed: number,
  tf: TensorFlow,
): Tensor2D {
  return tf.tidy(() => {
    const [low, high] = [averages.min, averages.max].map((x) => (x - averages.mean) / averages.deviation);
    const average = tf.randomUniform([FALL_POINTS], low, high, 'float32', 2 * seed);
    const last = signedLogMedians.length - 1;
    const places = tf.randomUniform([FALL_POINTS], 0, last, 'float32', 2 * seed + 1);
    const columns = tf.tensor1d(signedLogMedians.map((x) => (x - prices.mean) / prices.deviation));
    const column = tf.minimum(tf.floor(places), Math.max(0, last - 1));
    const [from, to] = [column, tf.minimum(tf.add(column, 1), last)].map((at) =>
      tf.gather(columns, tf.cast(at, 'int32')),
    ) as [Tensor1D, Tensor1D];
    const median = tf.add(from, tf.mul(tf.sub(places, column), tf.sub(to, from)));
    const larger = tf.add(average, FALL_STEP);
    return tf.concat2d([tf.stack([average, median], 1), tf.stack([larger, median], 1)] as Tensor2D[], 0);
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
