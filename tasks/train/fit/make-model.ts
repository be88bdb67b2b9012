import { join } from 'node:path';
import type { Model } from '../../../model/model.ts';
import type { Context } from '../../context.ts';
import type { ShardedDataset } from '../../store/shards.ts';
import { readBlock, readTraining, readValidation, type Split } from '../dataset/dataset.ts';
import { type Examples, RowGatherer, type Rows } from '../dataset/rows.ts';
import type { LossLog } from '../losses/loss-log.ts';
import type { Provenance } from '../provenance.ts';
import { calibrate } from './calibrate.ts';
import { fitNetwork } from './fit-network.ts';
import { makeMonotone } from './monotone.ts';
import { planSteps } from './plan-steps.ts';
import type { TensorFlow } from './tensorflow.ts';

export interface Making {
  seed: number;
  halfLife: number;
  medianFrom: number;
  provenance: Provenance;
  losses: LossLog;
}

/** A model, and what is to be said of its making. */
export interface Made {
  model: Model;
  trainingRows: number;
  calibrationRows: number;
  /** How much of its response was flattened to make it monotone: 0 for nothing, 1 for all. */
  flattened: number;
}

/** Trains on the rows before the validation block and calibrates on its first half. */
export async function makeModel(
  features: ShardedDataset,
  split: Split,
  { seed, halfLife, medianFrom, provenance, losses }: Making,
  context: Context,
  tf: TensorFlow,
): Promise<Made> {
  const { log, progress } = context;
  const training = await gather(readTraining(features, split, halfLife, context), features.rows, tf);
  const validation = await gather(readValidation(features, split, context), features.rows, tf);
  const { steps } = planSteps(training.count);
  log.info('training', {
    as_of: split.asOf,
    validation_from: split.validationFrom,
    rows: training.count,
    steps,
    losses: join(losses.folder, 'losses.csv'),
  });
  progress.start('train', steps);
  const onStep = () => progress.advance();
  const layers = await fitNetwork({ training, validation, seed, medianFrom, losses, onStep }, tf);
  tf.dispose([training.values, validation.values]);
  const { scales, density, signedLogMedians } = training;
  const trained: Model = {
    layers,
    scales,
    offsets: { at: [0], down: [0], up: [0] },
    density,
    asOf: split.asOf,
    provenance: {
      ...provenance,
      validation_from: split.validationFrom,
      measure_from: split.measureFrom,
      seed: String(seed),
      half_life: String(halfLife),
      median_from: String(medianFrom),
      training_rows: String(training.count),
    },
  };
  const { model, flattened } = await makeMonotone(trained, signedLogMedians);
  if (flattened > 0)
    log.warn('the response was flattened until no prediction falls where vol_moving_avg rises', {
      flattened,
    });
  const calibrating = await readBlock(features, [split.validationFrom, split.measureFrom], context);
  return {
    model: { ...model, offsets: await calibrate(model, calibrating, signedLogMedians) },
    trainingRows: training.count,
    calibrationRows: validation.count,
    flattened,
  };
}

async function gather(parts: AsyncIterable<Examples>, mostRows: number, tf: TensorFlow): Promise<Rows> {
  const gatherer = new RowGatherer(mostRows, tf);
  for await (const part of parts) gatherer.add(part);
  return gatherer.finish();
}
