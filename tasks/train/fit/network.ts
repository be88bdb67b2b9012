import type { Tensor2D, Variable } from '@tensorflow/tfjs-node';
import { type DenseLayer, OUTPUTS } from '../../../model/model.ts';
import type { ExampleSet } from '../dataset/example-set.ts';
import type { TensorFlow } from '../tensorflow.ts';

/** Widths of the hidden layers. Their activation is tanh, which makes the response smooth. */
const HIDDEN = [32, 32];

/** Between quantiles at the start. Where softplus is flat, its gradient is too small to learn. */
const MIN_DISTANCE = 0.05;

/**
 * The network in training: two scaled inputs; three quantiles and a point of the log ratio out.
 * model/predictor.ts must compute the same.
 */
export class Network {
  readonly #tf: TensorFlow;
  readonly #layers: { kernel: Variable; bias: Variable }[];

  /** The kernels are Glorot-normal, drawn from the seed. @param biases of the outputs */
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

  /**
   * @param inputs scaled, of shape [rows, 2]
   * @returns p10, p50, p90 and point, of shape [rows, 4]
   */
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

  /** The weights, as model.bin has them. */
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

/** Output biases with which the network starts near these quantiles, with p50 as its point. */
export function outputBiases({ p10, p50, p90 }: ExampleSet['logRatioQuantiles']): number[] {
  const rawDistance = (distance: number) => Math.log(Math.expm1(Math.max(distance, MIN_DISTANCE)));
  return [p50, rawDistance(p50 - p10), rawDistance(p90 - p50), p50];
}
