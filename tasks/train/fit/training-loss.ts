import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import { QUANTILES } from '../../../model/model.ts';
import type { TensorFlow } from '../tensorflow.ts';
import type { Batch } from './batch.ts';

/**
 * The weighted mean over the rows of two losses: the pinball loss of the quantiles, and the point's
 * mix of absolute and squared error. It is the loss that training and validation log.
 * @param predicted of shape [rows, 4]
 */
export function predictionLoss(
  predicted: Tensor2D,
  { targets, medianShares, weights }: Batch,
  tf: TensorFlow,
): Scalar {
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
 * The pinball loss of each row, averaged over the quantiles.
 * @param predicted of shape [rows, 3] @param actual of shape [rows] @returns of shape [rows]
 */
export function pinballLoss(predicted: Tensor2D, actual: Tensor1D, tf: TensorFlow): Tensor1D {
  return tf.tidy(() => {
    const error = tf.sub(actual.expandDims(1), predicted);
    const quantiles = tf.tensor2d([...QUANTILES], [1, QUANTILES.length]);
    return tf.mean(tf.maximum(tf.mul(quantiles, error), tf.mul(tf.sub(quantiles, 1), error)), 1);
  });
}
