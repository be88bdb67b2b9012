import { setImmediate } from 'node:timers/promises';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import type { Dense } from '../../serving/model.ts';
import type { Start } from './dataset.ts';
import type { LossLog } from './losses.ts';
import { type Batch, fallOf, lossOf, Network, outputBiases, probesOf } from './network.ts';
import { createRandom, shuffle } from './random.ts';
import type { Rows } from './rows.ts';
import type { TensorFlow } from './tensorflow.ts';

/** How much a prediction that falls where vol_moving_avg rises adds to the loss. */
const FALL_WEIGHT = 10;
/** As many epochs as give this many steps, within bounds. */
const STEPS = 1_600;
const EPOCHS = { min: 2, max: 8 };
/** Adam's learning rate at the start; it falls to nothing along a half cosine. */
const LEARNING_RATE = 0.01;
/** Batches grow with the rows between these bounds, so that few rows still give enough steps. */
const BATCH = { min: 256, max: 32_768, share: 1 / 200 };

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
  /** Where the log ratio lies, roughly. */
  start: Start;
  losses: LossLog;
  onStep: (loss: number) => void;
}

/** How many epochs and steps fitNetwork() will take. */
export function planSteps(rows: number): { epochs: number; steps: number } {
  const stepsAnEpoch = Math.ceil(rows / batchSize(rows));
  const epochs = Math.min(EPOCHS.max, Math.max(EPOCHS.min, Math.ceil(STEPS / stepsAnEpoch)));
  return { epochs, steps: epochs * stepsAnEpoch };
}

/**
 * Trains the network with Adam on the pinball loss and the point's loss, in an order that the seed decides, and gives its
 * weights. Each step's training loss and each epoch's validation loss goes to the disk at once.
 * @throws InputError when a loss is no finite number
 */
export async function fitNetwork(
  { training, validation, seed, medianFrom, start, losses, onStep }: FitOptions,
  tf: TensorFlow,
): Promise<Dense[]> {
  const size = batchSize(training.count);
  const { epochs, steps } = planSteps(training.count);
  const network = new Network(seed, tf, outputBiases(start));
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
        const probes = probesOf(training.scales, seed + step, tf);
        const inputs = tf.concat2d([batch.inputs, probes], 0);
        return optimizer
          .minimize(() => {
            const [rows, probed] = tf.split(
              network.predict(inputs),
              [batch.targets.size, probes.shape[0]],
              0,
            ) as [Tensor2D, Tensor2D];
            const fall = tf.mul(FALL_WEIGHT, fallOf(probed, training.scales[0], tf));
            return tf.add(lossOf(rows, batch, tf), fall).asScalar();
          }, true)
          ?.dataSync()[0] as number;
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
  }
  const weights = network.weights();
  network.dispose();
  optimizer.dispose();
  return weights;
}

/** The mean loss over all rows, taken in slices, so that memory stays small and a signal is heard in between. */
async function measureLoss(
  network: Network,
  values: Tensor2D,
  toBatch: (values: Tensor2D) => Batch,
  tf: TensorFlow,
): Promise<number> {
  const [count] = values.shape;
  let sum = 0;
  for (let start = 0; start < count; start += BATCH.max) {
    const rows = Math.min(BATCH.max, count - start);
    sum += tf.tidy(() => {
      const batch = toBatch(tf.slice2d(values, [start, 0], [rows, 4]));
      return rows * (lossOf(network.predict(batch.inputs), batch, tf).dataSync()[0] as number);
    });
    await setImmediate();
  }
  return sum / count;
}

/** How to make a batch of rows of the shape [rows, 4]: inputs clipped and scaled as the training rows decide. */
function batcher(
  { scales, meanWeight }: Rows,
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

function batchSize(rows: number): number {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, rows * BATCH.share)));
  return Math.min(BATCH.max, Math.max(BATCH.min, wanted));
}
