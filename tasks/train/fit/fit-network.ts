import { setImmediate } from 'node:timers/promises';
import type { Tensor2D } from '@tensorflow/tfjs-node';
import type { DenseLayer } from '../../../model/model.ts';
import { type Batch, batcher } from '../dataset/batch.ts';
import type { Rows } from '../dataset/rows.ts';
import type { LossLog } from '../losses/loss-log.ts';
import { fallOf, lossOf, Network, outputBiases, probesOf } from './network.ts';
import { MOST_ROWS, planSteps } from './plan-steps.ts';
import { createRandom, shuffle } from './random.ts';
import type { TensorFlow } from './tensorflow.ts';

/** How much a prediction that falls where vol_moving_avg rises adds to the loss. */
const FALL_WEIGHT = 10;
/** Adam's learning rate at the start; it falls to nothing along a half cosine. */
const LEARNING_RATE = 0.01;

export interface FitOptions {
  training: Rows;
  /** Its losses are logged and choose nothing. */
  validation: Rows;
  seed: number;
  /**
   * Around this vol_moving_avg, in shares, the point turns from a mean of logarithms, which RMSLE rewards where volumes are
   * small and often zero, into a median, which the absolute error rewards where volumes are large.
   */
  medianFrom: number;
  losses: LossLog;
  onStep: (loss: number) => void;
}

/**
 * Trains the network with Adam on the loss of lossOf() and on how much predictions fall, in an order that the seed decides, and
 * gives its weights. Each step's training loss and each epoch's validation loss, lossOf() both, is logged at once.
 * @throws PermanentError when a loss is no finite number
 */
export async function fitNetwork(
  { training, validation, seed, medianFrom, losses, onStep }: FitOptions,
  tf: TensorFlow,
): Promise<DenseLayer[]> {
  const { size, epochs, steps } = planSteps(training.count);
  const network = new Network(seed, tf, outputBiases(training.start));
  const optimizer = tf.train.adam(LEARNING_RATE);
  const order = Int32Array.from({ length: training.count }, (_, row) => row);
  const random = createRandom(seed);
  const toBatch = batcher(training, medianFrom, tf);
  const toValidationBatch = batcher({ ...training, meanWeight: validation.meanWeight }, medianFrom, tf);
  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await shuffle(order, random);
    for (let start = 0; start < training.count; start += size) {
      // TensorFlow.js reads the rate at each step, but its types call it private.
      Object.assign(optimizer, {
        learningRate: (LEARNING_RATE * (1 + Math.cos((Math.PI * step) / steps))) / 2,
      });
      const loss = tf.tidy(() => {
        const batch = toBatch(
          tf.gather(training.values, tf.tensor1d(order.subarray(start, start + size), 'int32')),
        );
        const probes = probesOf(training.scales, training.signedLogMedians, seed + step, tf);
        const inputs = tf.concat2d([batch.inputs, probes], 0);
        let ofRows = Number.NaN;
        optimizer.minimize(() => {
          const [rows, probed] = tf.split(
            network.predict(inputs),
            [batch.targets.size, probes.shape[0]],
            0,
          ) as [Tensor2D, Tensor2D];
          const loss = lossOf(rows, batch, tf);
          [ofRows] = loss.dataSync() as unknown as [number];
          const fall = tf.mul(FALL_WEIGHT, fallOf(probed, training.scales[0], tf));
          return tf.add(loss, fall).asScalar();
        });
        return ofRows;
      });
      losses.write({ step: ++step, epoch, split: 'training', loss });
      onStep(loss);
      // A turn of the event loop, in which a signal is heard.
      await setImmediate();
    }
    if (validation.count > 0)
      losses.write({
        step,
        epoch,
        split: 'validation',
        loss: await measureLoss(network, validation.values, toValidationBatch, tf),
      });
    losses.sync();
  }
  const weights = network.weights();
  network.dispose();
  optimizer.dispose();
  return weights;
}

/** The mean of lossOf() over all rows, taken in slices, so that memory stays small and a signal is heard in between. */
export async function measureLoss(
  network: Pick<Network, 'predict'>,
  values: Tensor2D,
  toBatch: (values: Tensor2D) => Batch,
  tf: TensorFlow,
): Promise<number> {
  const [count] = values.shape;
  let sum = 0;
  for (let start = 0; start < count; start += MOST_ROWS) {
    const rows = Math.min(MOST_ROWS, count - start);
    sum += tf.tidy(() => {
      const batch = toBatch(tf.slice2d(values, [start, 0], [rows, 4]));
      return rows * (lossOf(network.predict(batch.inputs), batch, tf).dataSync()[0] as number);
    });
    await setImmediate();
  }
  return sum / count;
}
