import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import type { TensorFlow } from '../fit/tensorflow.ts';
import type { Rows } from './rows.ts';

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

/** How to make a batch of rows of the shape [rows, 4]: inputs clipped and scaled as the training rows decide. */
export function batcher(
  { scales, meanWeight }: Pick<Rows, 'scales' | 'meanWeight'>,
  medianFrom: number,
  tf: TensorFlow,
): (values: Tensor2D) => Batch {
  const pairs = (name: 'min' | 'max' | 'mean' | 'deviation') => scales.map((scale) => scale[name]);
  return (values) => {
    const [inputs, targets, weights] = tf.split(values, [2, 1, 1], 1) as [Tensor2D, Tensor2D, Tensor2D];
    const clipped = tf.minimum(tf.maximum(inputs, pairs('min')), pairs('max'));
    const logAverage = tf.squeeze(tf.slice2d(inputs, [0, 0], [-1, 1]), [1]);
    return {
      inputs: tf.div(tf.sub(clipped, pairs('mean')), pairs('deviation')),
      targets: tf.squeeze(targets, [1]) as Tensor1D,
      medianShares: tf.sigmoid(tf.sub(logAverage, Math.log(medianFrom))) as Tensor1D,
      weights: tf.div(tf.squeeze(weights, [1]), meanWeight) as Tensor1D,
    };
  };
}
