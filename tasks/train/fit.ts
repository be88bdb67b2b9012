import { setImmediate } from 'node:timers/promises';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import type { Dense, Scale } from '../../serving/model.ts';
import type { LossLog } from './losses.ts';
import { Network, pinballLoss } from './network.ts';
import { createRandom, shuffle } from './random.ts';
import type { TensorFlow } from './tensorflow.ts';

const EPOCHS = 8;
/** Adam's learning rate at the start; it falls to nothing along a half cosine. */
const LEARNING_RATE = 0.01;
/** Batches grow with the rows between these bounds, so that few rows still give enough steps. */
const BATCH = { min: 256, max: 32_768, share: 1 / 200 };

/** Model inputs and target in log units, one value a row. */
export interface Examples {
  logAverage: Float32Array;
  signedLogMedian: Float32Array;
  logRatio: Float32Array;
}

export interface FitOptions {
  training: Examples;
  validation: Examples;
  scales: [Scale, Scale];
  seed: number;
  losses: LossLog;
  onStep: (loss: number) => void;
}

/** Scaled inputs of shape [rows, 2] and targets of shape [rows]. */
type Tensors = { inputs: Tensor2D; targets: Tensor1D };

/** How many steps fitNetwork() will take. */
export function countSteps(rows: number): number {
  return EPOCHS * Math.ceil(rows / batchSize(rows));
}

/**
 * Trains the network with Adam on the pinball loss, in an order that the seed decides, and gives its weights.
 * Each step's training loss and each epoch's validation loss goes to the disk at once. The validation rows choose
 * nothing, so their loss is an honest one.
 * @throws Error when a loss is no finite number
 */
export async function fitNetwork(
  { training, validation, scales, seed, losses, onStep }: FitOptions,
  tf: TensorFlow,
): Promise<Dense[]> {
  const rows = training.logRatio.length;
  const size = batchSize(rows);
  const total = countSteps(rows);
  const network = new Network(seed, tf);
  const optimizer = tf.train.adam(LEARNING_RATE);
  const train = toTensors(training, scales, tf);
  const validate = toTensors(validation, scales, tf);
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  const random = createRandom(seed);
  let step = 0;
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    await shuffle(order, random);
    for (let start = 0; start < rows; start += size) {
      // TensorFlow.js reads the rate at each step, but its types call it private.
      Object.assign(optimizer, {
        learningRate: (LEARNING_RATE * (1 + Math.cos((Math.PI * step) / total))) / 2,
      });
      const batch = order.subarray(start, start + size);
      const loss = tf.tidy(() => {
        const indices = tf.tensor1d(batch, 'int32');
        const inputs = tf.gather(train.inputs, indices);
        const targets = tf.gather(train.targets, indices);
        return optimizer
          .minimize(() => pinballLoss(network.predict(inputs), targets, tf), true)
          ?.dataSync()[0] as number;
      });
      losses.write({ step: ++step, epoch, split: 'training', loss });
      if (!Number.isFinite(loss)) throw new Error(`the loss of step ${step} is ${loss}`);
      onStep(loss);
      // A turn of the event loop, in which a signal is heard.
      await setImmediate();
    }
    losses.write({ step, epoch, split: 'validation', loss: await measureLoss(network, validate, tf) });
  }
  const weights = network.weights();
  tf.dispose([train, validate]);
  network.dispose();
  optimizer.dispose();
  return weights;
}

/** The mean loss over all rows, taken in slices, so that memory stays small and a signal is heard in between. */
async function measureLoss(network: Network, { inputs, targets }: Tensors, tf: TensorFlow): Promise<number> {
  let sum = 0;
  for (let start = 0; start < targets.size; start += BATCH.max) {
    const rows = Math.min(BATCH.max, targets.size - start);
    sum += tf.tidy(() => {
      const predicted = network.predict(tf.slice2d(inputs, [start, 0], [rows, 2]));
      return rows * (pinballLoss(predicted, tf.slice1d(targets, start, rows), tf).dataSync()[0] as number);
    });
    await setImmediate();
  }
  return sum / targets.size;
}

function batchSize(rows: number): number {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, rows * BATCH.share)));
  return Math.min(BATCH.max, Math.max(BATCH.min, wanted));
}

function toTensors(
  { logAverage, signedLogMedian, logRatio }: Examples,
  scales: [Scale, Scale],
  tf: TensorFlow,
): Tensors {
  return tf.tidy(() => {
    const columns = [logAverage, signedLogMedian].map((values, index) => {
      const { min, max, mean, deviation } = scales[index] as Scale;
      return tf.div(tf.sub(tf.clipByValue(tf.tensor1d(values), min, max), mean), deviation) as Tensor1D;
    });
    return { inputs: tf.stack(columns, 1) as Tensor2D, targets: tf.tensor1d(logRatio) };
  });
}
