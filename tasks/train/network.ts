import type { Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs-node';
import { type Dense, QUANTILES } from '../../serving/model.ts';
import type { TensorFlow } from './tensorflow.ts';

/** Widths of the hidden layers; tanh, so that the response is smooth. */
const HIDDEN = [32, 32];

/** The network whose arithmetic serving/model.ts repeats: two scaled inputs, three quantiles of the log ratio. */
export class Network {
  readonly #tf: TensorFlow;
  readonly #layers: { kernel: Variable; bias: Variable }[];

  /** Starts with Glorot-normal kernels drawn from the seed. */
  constructor(seed: number, tf: TensorFlow) {
    this.#tf = tf;
    const widths = [2, ...HIDDEN, QUANTILES.length];
    this.#layers = widths.slice(1).map((outputs, index) => {
      const initializer = tf.initializers.glorotNormal({ seed: seed + index });
      const kernel = tf.tidy(() => tf.variable(initializer.apply([widths[index] as number, outputs])));
      return { kernel, bias: tf.tidy(() => tf.variable(tf.zeros([outputs]))) };
    });
  }

  /** @param inputs scaled, of shape [rows, 2] @returns p10, p50 and p90 of the log ratio, of shape [rows, 3] */
  predict(inputs: Tensor2D): Tensor2D {
    const tf = this.#tf;
    return tf.tidy(() => {
      let signal: Tensor2D = inputs;
      for (const [index, { kernel, bias }] of this.#layers.entries()) {
        signal = tf.add(tf.matMul(signal, kernel as unknown as Tensor2D), bias);
        if (index < this.#layers.length - 1) signal = tf.tanh(signal);
      }
      const [middle, below, above] = tf.split(signal, 3, 1) as [Tensor2D, Tensor2D, Tensor2D];
      return tf.concat2d([tf.sub(middle, tf.softplus(below)), middle, tf.add(middle, tf.softplus(above))], 1);
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

/**
 * The pinball loss, which the quantiles minimise, averaged over rows and quantiles.
 * @param predicted of shape [rows, 3] @param actual of shape [rows]
 */
export function pinballLoss(predicted: Tensor2D, actual: Tensor1D, tf: TensorFlow) {
  return tf.tidy(() => {
    const error = tf.sub(actual.expandDims(1), predicted);
    const quantiles = tf.tensor2d([...QUANTILES], [1, QUANTILES.length]);
    return tf.mean(tf.maximum(tf.mul(quantiles, error), tf.mul(tf.sub(quantiles, 1), error))).asScalar();
  });
}
