import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import type { Scale } from '../../../model/model.ts';
import type { TensorFlow } from '../tensorflow.ts';

/** The number of random inputs in each step. */
const POINTS = 256;
/** How much larger, in units of the scaled input. */
const INCREASE = 0.1;
/** The slope of ln(1 + volume) over ln(1 + vol_moving_avg) below which the penalty begins. */
const MIN_SLOPE = 0.1;

/**
 * Random inputs in the range that training saw, then the same inputs with a slightly larger
 * vol_moving_avg.
 * @param adjCloseRollingMedGrid ascending, in signed log units; neighbours have the same
 * number of inputs between them
 * @returns scaled, of shape [2 * POINTS, 2]
 */
export function penaltyInputs(
  [volMovingAvgScale, adjCloseRollingMedScale]: [Scale, Scale],
  adjCloseRollingMedGrid: number[],
  seed: number,
  tf: TensorFlow,
): Tensor2D {
  return tf.tidy(() => {
    const scaled = (x: number, { mean, deviation }: Scale) => (x - mean) / deviation;
    const [low, high] = [volMovingAvgScale.min, volMovingAvgScale.max].map((x) =>
      scaled(x, volMovingAvgScale),
    );
    const volMovingAvg = tf.randomUniform([POINTS], low, high, 'float32', 2 * seed);
    const last = adjCloseRollingMedGrid.length - 1;
    const places = tf.randomUniform([POINTS], 0, last, 'float32', 2 * seed + 1);
    const grid = tf.tensor1d(adjCloseRollingMedGrid.map((x) => scaled(x, adjCloseRollingMedScale)));
    const index = tf.minimum(tf.floor(places), Math.max(0, last - 1));
    const [from, to] = [index, tf.minimum(tf.add(index, 1), last)].map((at) =>
      tf.gather(grid, tf.cast(at, 'int32')),
    ) as [Tensor1D, Tensor1D];
    const adjCloseRollingMed = tf.add(from, tf.mul(tf.sub(places, index), tf.sub(to, from)));
    const larger = tf.add(volMovingAvg, INCREASE);
    const inputs = [volMovingAvg, larger].map((x) => tf.stack([x, adjCloseRollingMed], 1) as Tensor2D);
    return tf.concat2d(inputs, 0);
  });
}

/**
 * How much predictions fall where vol_moving_avg rises: the mean of how far slopes are below
 * MIN_SLOPE.
 * @param predicted log ratios for penaltyInputs(), of shape [2 * POINTS, 4]
 * @param scale of vol_moving_avg
 */
export function monotonePenalty(predicted: Tensor2D, scale: Scale, tf: TensorFlow): Scalar {
  return tf.tidy(() => {
    const [before, after] = tf.split(predicted, 2, 0) as [Tensor2D, Tensor2D];
    const slope = tf.add(tf.div(tf.sub(after, before), INCREASE * scale.deviation), 1);
    return tf.mean(tf.relu(tf.sub(MIN_SLOPE, slope))).asScalar();
  });
}
