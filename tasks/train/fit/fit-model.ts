import { join } from 'node:path';
import type { Model } from '../../../model/model.ts';
import type { Context } from '../../context.ts';
import type { ShardedDataset } from '../../store/shards.ts';
import { type ExampleSet, ExampleSetBuilder, type Examples } from '../dataset/example-set.ts';
import { readCalibrationExamples, readEvaluationRows, readTrainingExamples } from '../dataset/read-rows.ts';
import type { LossLog } from '../losses/loss-log.ts';
import { modelProvenance, type RunConfig } from '../run-config.ts';
import type { TensorFlow } from '../tensorflow.ts';
import { calibrate } from './calibrate.ts';
import { fitNetwork } from './fit-network.ts';
import { makeMonotone } from './monotone.ts';
import { planSteps } from './plan-steps.ts';

export interface FittedModel {
  model: Model;
  trainingRows: number;
  calibrationRows: number;
  /** How far the response was flattened to make it monotone: 0 not at all, 1 completely. */
  flattened: number;
}

/** Trains on the rows before the validation block and calibrates on its first half. */
export async function fitModel(
  features: ShardedDataset,
  config: RunConfig,
  losses: LossLog,
  context: Context,
  tf: TensorFlow,
): Promise<FittedModel> {
  const { log, progress } = context;
  const { split, hyperparameters } = config;
  const { seed, half_life, median_from: medianFrom } = hyperparameters;
  const collect = (examples: AsyncIterable<Examples>) => collectExamples(examples, features.rows, tf);
  const training = await collect(readTrainingExamples(features, split, half_life, context));
  const validation = await collect(readCalibrationExamples(features, split, context));
  const { steps } = planSteps(training.count);
  log.info('training', {
    as_of: split.as_of,
    validation_from: split.validation_from,
    rows: training.count,
    steps,
    losses: join(losses.folder, 'losses.csv'),
  });
  progress.start('train', steps);
  const onStep = () => progress.advance();
  const options = { training, validation, seed, medianFrom, losses, onStep };
  const layers = await fitNetwork(options, tf).finally(() => progress.stop());
  tf.dispose([training.values, validation.values]);
  const { scales, density, adjCloseRollingMedGrid } = training;
  const uncalibrated: Model = {
    layers,
    scales,
    offsets: { at: [0], down: [0], up: [0] },
    density,
    asOf: split.as_of,
    provenance: modelProvenance(config, training.count),
  };
  const { model, flattened } = await makeMonotone(uncalibrated, adjCloseRollingMedGrid);
  if (flattened > 0)
    log.warn('predictions fell where vol_moving_avg rose; the response was flattened', { flattened });
  const rows = await readEvaluationRows(features, [split.validation_from, split.measure_from], context);
  return {
    model: { ...model, offsets: await calibrate(model, rows, adjCloseRollingMedGrid) },
    trainingRows: training.count,
    calibrationRows: validation.count,
    flattened,
  };
}

async function collectExamples(
  shards: AsyncIterable<Examples>,
  maxRows: number,
  tf: TensorFlow,
): Promise<ExampleSet> {
  const builder = new ExampleSetBuilder(maxRows, tf);
  for await (const examples of shards) builder.add(examples);
  return builder.build();
}
