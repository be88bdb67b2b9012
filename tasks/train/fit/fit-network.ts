import { setImmediate } from 'node:timers/promises';
import type { Optimizer, Scalar, Tensor2D } from '@tensorflow/tfjs-node';
import type { DenseLayer, Scale } from '../../../model/model.ts';
import type { ExampleSet } from '../dataset/example-set.ts';
import type { LossLog } from '../losses/loss-log.ts';
import type { TensorFlow } from '../tensorflow.ts';
import { type Batch, createBatcher } from './batch.ts';
import { monotonePenalty, penaltyInputs } from './monotone-penalty.ts';
import { Network, outputBiases } from './network.ts';
import { MAX_BATCH_SIZE, planSteps } from './plan-steps.ts';
import { createRandom, shuffle } from './random.ts';
import { predictionLoss } from './training-loss.ts';

/** The weight of the monotonePenalty beside the predictionLoss. */
const PENALTY_WEIGHT = 10;
/** Adam's learning rate at the start; it falls to 0 along a half cosine. */
const LEARNING_RATE = 0.01;

export interface FitOptions {
  training: ExampleSet;
  /** Its losses are logged; nothing is chosen by them. */
  validation: ExampleSet;
  seed: number;
  /** In shares: see Hyperparameters. */
  medianFrom: number;
  losses: LossLog;
  onStep: () => void;
}

/**
 * Trains the network with Adam, in an order that the seed decides, and returns its weights. Each
 * step's training loss and each epoch's validation loss is logged at once: predictionLoss() without
 * the penalty.
 * @throws PermanentError when a loss is not a finite number
 */
export async function fitNetwork(
  { training, validation, seed, medianFrom, losses, onStep }: FitOptions,
  tf: TensorFlow,
): Promise<DenseLayer[]> {
  const { batchSize, epochs, steps } = planSteps(training.count);
  const network = new Network(seed, tf, outputBiases(training.logRatioQuantiles));
  const optimizer = tf.train.adam(LEARNING_RATE);
  const order = Int32Array.from({ length: training.count }, (_, row) => row);
  const random = createRandom(seed);
  const toBatch = createBatcher(training, medianFrom, tf);
  const toValidationBatch = createBatcher({ ...training, meanWeight: validation.meanWeight }, medianFrom, tf);
  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await shuffle(order, random);
    for (let start = 0; start < training.count; start += batchSize) {
      const learningRate = (LEARNING_RATE * (1 + Math.cos((Math.PI * step) / steps))) / 2;
      // TensorFlow.js reads the rate at each step, but its types call it private.
      Object.assign(optimizer, { learningRate });
      const loss = tf.tidy(() => {
        const rows = tf.tensor1d(order.subarray(start, start + batchSize), 'int32');
        const batch = toBatch(tf.gather(training.values, rows));
        const penalized = penaltyInputs(training.scales, training.adjCloseRollingMedGrid, seed + step, tf);
        return trainStep(network, batch, penalized, training.scales[0], optimizer, tf);
      });
      losses.write({ step: ++step, epoch, split: 'training', loss });
      onStep();
      // Let the event loop handle signals.
      await setImmediate();
    }
    if (validation.count > 0) {
      const loss = await validationLoss(network, validation.values, toValidationBatch, tf);
      losses.write({ step, epoch, split: 'validation', loss });
    }
    losses.sync();
  }
  const weights = network.weights();
  network.dispose();
  optimizer.dispose();
  return weights;
}

/**
 * One step of the optimizer, on a batch and on penaltyInputs().
 * @param scale of vol_moving_avg
 * @returns the batch's predictionLoss() before the step
 */
function trainStep(
  network: Network,
  batch: Batch,
  penalized: Tensor2D,
  scale: Scale,
  optimizer: Optimizer,
  tf: TensorFlow,
): number {
  const inputs = tf.concat2d([batch.inputs, penalized], 0);
  const sizes = [batch.targets.size, penalized.shape[0]];
  let loss = Number.NaN;
  optimizer.minimize(() => {
    const [ofBatch, ofPenalized] = tf.split(network.predict(inputs), sizes, 0) as [Tensor2D, Tensor2D];
    const batchLoss = predictionLoss(ofBatch, batch, tf);
    loss = readScalar(batchLoss);
    const penalty = tf.mul(PENALTY_WEIGHT, monotonePenalty(ofPenalized, scale, tf));
    return tf.add(batchLoss, penalty).asScalar();
  });
  return loss;
}

/** The mean predictionLoss() of all rows, computed in slices to limit memory. */
export async function validationLoss(
  network: Pick<Network, 'predict'>,
  values: Tensor2D,
  toBatch: (values: Tensor2D) => Batch,
  tf: TensorFlow,
): Promise<number> {
  const [count] = values.shape;
  let sum = 0;
  for (let start = 0; start < count; start += MAX_BATCH_SIZE) {
    const rows = Math.min(MAX_BATCH_SIZE, count - start);
    sum += tf.tidy(() => {
      const batch = toBatch(tf.slice2d(values, [start, 0], [rows, 4]));
      return rows * readScalar(predictionLoss(network.predict(batch.inputs), batch, tf));
    });
    await setImmediate();
  }
  return sum / count;
}

function readScalar(scalar: Scalar): number {
  return scalar.dataSync()[0] as number;
}
