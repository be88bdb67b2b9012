import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import type { ExampleSet } from '../dataset/example-set.ts';
import type { TensorFlow } from '../tensorflow.ts';

/** Some examples as tensors for one step. */
export interface Batch {
  /** Scaled, of shape [rows, 2]. */
  inputs: Tensor2D;
  /** Log ratios, of shape [rows]. */
  targets: Tensor1D;
  /** Of shape [rows]: 0 where the point is a mean of logarithms, 1 where it is a median. */
  medianShares: Tensor1D;
  /** Weights of the rows, 1 on average; of shape [rows]. */
  weights: Tensor1D;
}

/**
 * Gives a function that makes a batch of values of an ExampleSet, of shape [rows, 4].
 * @param medianFrom in shares: the vol_moving_avg where the median's share is a half
 */
export function createBatcher(
  { scales, meanWeight }: Pick<ExampleSet, 'scales' | 'meanWeight'>,
  medianFrom: number,
  tf: TensorFlow,
): (values: Tensor2D) => Batch {
  const ofBothInputs = (name: 'min' | 'max' | 'mean' | 'deviation') => scales.map((scale) => scale[name]);
  return (values) => {
    const [inputs, targets, weights] = tf.split(values, [2, 1, 1], 1) as [Tensor2D, Tensor2D, Tensor2D];
    const clipped = tf.minimum(tf.maximum(inputs, ofBothInputs('min')), ofBothInputs('max'));
    const logVolMovingAvg = tf.squeeze(tf.slice2d(inputs, [0, 0], [-1, 1]), [1]);
    return {
      inputs: tf.div(tf.sub(clipped, ofBothInputs('mean')), ofBothInputs('deviation')),
      targets: tf.squeeze(targets, [1]) as Tensor1D,
      medianShares: tf.sigmoid(tf.sub(logVolMovingAvg, Math.log(medianFrom))) as Tensor1D,
      weights: tf.div(tf.squeeze(weights, [1]), meanWeight) as Tensor1D,
    };
  };
}
