import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import { describe, expect, it } from 'vitest';
import { pinballLoss, predictionLoss } from '../../../../tasks/train/fit/training-loss.ts';
import { loadTensorFlow } from '../../../../tasks/train/tensorflow.ts';

const tf = await loadTensorFlow();

describe('pinballLoss', () => {
  it.each([
    // 1 too low costs the quantile: (0.1 + 0.5 + 0.9) / 3. 1 too high costs 1 minus the quantile:
    // the same sum.
    [[0, 0, 0], 1, 0.5],
    [[0, 0, 0], -1, 0.5],
    [[3, 3, 3], 3, 0],
    // 0.1 * 2, 0.5 * 1 and (1 - 0.9) * 1
    [[1, 2, 4], 3, 0.8 / 3],
    // 0.9 * 10 for a p10 that is 10 too high
    [[10, 0, 0], 0, 3],
  ])('of the quantiles %j for the volume %d is %d', (predicted, actual, loss) => {
    const [value] = tf.tidy(() =>
      pinballLoss(tf.tensor2d([predicted]), tf.tensor1d([actual]), tf).dataSync(),
    );
    expect(value).toBeCloseTo(loss, 6);
  });

  it('is computed per row', () => {
    const predicted = tf.tensor2d([
      [0, 0, 0],
      [3, 3, 3],
    ]);
    const losses = pinballLoss(predicted, tf.tensor1d([1, 3]), tf).dataSync();
    expect([...losses].map((loss) => loss.toFixed(6))).toEqual(['0.500000', '0.000000']);
  });
});

describe('predictionLoss', () => {
  // The quantiles are exact in every row, so only the point counts. It is 2 too low: absolute error
  // 2, squared error 4.
  it.each([
    [[0], [1], 4],
    [[1], [1], 2],
    [[0.25], [1], 0.25 * 2 + 0.75 * 4],
    // The first row has three times the weight of the second; the mean weight is 1.
    [[0, 1], [1.5, 0.5], (1.5 * 4 + 0.5 * 2) / 2],
  ])('with median shares %j and weights %j is %d', (medianShares, weights, loss) => {
    const rows = weights.length;
    const predicted = tf.tensor2d(Array.from({ length: rows }, () => [5, 5, 5, 3]));
    const batch = {
      inputs: tf.zeros([rows, 2]) as Tensor2D,
      targets: tf.fill([rows], 5) as Tensor1D,
      medianShares: tf.tensor1d(medianShares),
      weights: tf.tensor1d(weights),
    };
    expect(predictionLoss(predicted, batch, tf).dataSync()[0]).toBeCloseTo(loss, 6);
  });
});
