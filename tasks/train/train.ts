import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel, encodeModel, type Model } from '../../serving/model.ts';
import { column } from '../arrow.ts';
import type { Context } from '../context.ts';
import { contentKey } from '../key.ts';
import { isModelThere, publishModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import { openDataset, type ShardedDataset } from '../shards.ts';
import { calibrate } from './calibrate.ts';
import { modelCard } from './card.ts';
import {
  type Block,
  findSplit,
  readStart,
  readTraining,
  readValidation,
  type Split,
  selectRows,
  toBlock,
  toExamples,
} from './dataset.ts';
import { fitNetwork, planSteps } from './fit.ts';
import { LossLog } from './losses.ts';
import { type Metrics, measure } from './metrics.ts';
import { type MlflowServer, recordRun } from './mlflow.ts';
import { makeMonotone } from './monotone.ts';
import { drawLosses } from './plot.ts';
import { RowGatherer } from './rows.ts';
import { makeRunFolder } from './run-folder.ts';
import { tensorBoard } from './tensorboard.ts';
import { loadTensorFlow, type TensorFlow } from './tensorflow.ts';

/** Goes up whenever the same features give another model than before. */
const FORMAT_VERSION = 3;

export interface TrainOptions {
  /** Only rows before this day are known: YYYY-MM-DD. The day after the last row, if not given. */
  asOf?: string | undefined;
  seed: number;
  /** The key of the features; those that were made last, if not given. */
  features?: string | undefined;
  /** Put a model of this date aside that other features or another seed made. */
  replace?: boolean;
  /** In years: how old a row counts half. */
  halfLife?: number;
  /** In shares: around which vol_moving_avg the point turns from a mean of logarithms into a median. */
  medianFrom?: number;
  /** Where to record the run, too. */
  mlflow?: MlflowServer | undefined;
}

/**
 * Trains a model as of a date and publishes models/<as-of>/ whole. The same features, date and seed give the same model.
 * Whatever becomes of it, every loss is in logs/train/<as-of>/<n>/ as soon as there is one, and stays there.
 * @throws InputError when there are no features, or too few rows, or training diverges
 */
export async function train(
  {
    asOf,
    seed,
    features: featuresKey,
    replace = false,
    halfLife = 8,
    medianFrom = 100_000,
    mlflow,
  }: TrainOptions,
  context: Context,
): Promise<Outcome> {
  const { store, log, progress } = context;
  const features = await openDataset('features', featuresKey, 'features', store);
  const split = await findSplit(features, asOf, context);
  const name = `models/${split.asOf}`;
  const key = contentKey('model', FORMAT_VERSION, features.key, split.asOf, seed, halfLife, medianFrom);
  const isThere = await isModelThere(split.asOf, key, replace, store);
  let metrics = isThere ? await store.readJson<Metrics>(`${name}/metrics.json`) : undefined;
  if (!metrics) {
    const tf = await loadTensorFlow();
    await using scratch = await store.scratch();
    const folder = await makeRunFolder(split.asOf, store);
    const description = {
      name: split.asOf,
      params: {
        as_of: split.asOf,
        validation_from: split.validationFrom,
        seed: String(seed),
        half_life: String(halfLife),
        median_from: String(medianFrom),
      },
      tags: { as_of: split.asOf, model_key: key, features_key: features.key, losses: folder },
    };
    metrics = await recordRun(mlflow, description, log, async (run) => {
      const losses = new LossLog(folder, [tensorBoard(folder, tf), ...(run ? [run.add] : [])]);
      let made: Made;
      try {
        made = await makeModel(features, split, { seed, halfLife, medianFrom, losses }, context, tf);
      } finally {
        progress.stop();
        losses.close();
      }
      const bytes = encodeModel(made.model);
      const measured = await measure(decodeModel(bytes), made.measuring);
      const metrics: Metrics = {
        key,
        as_of: split.asOf,
        validation_from: split.validationFrom,
        measure_from: split.measureFrom,
        training_rows: made.trainingRows,
        validation_rows: made.validationRows,
        ...measured,
        flattened: made.flattened,
        seed,
        half_life: halfLife,
        median_from: medianFrom,
        features_key: features.key,
      };
      for (const file of ['losses.csv', 'losses.jsonl'])
        await copyFile(join(folder, file), join(scratch.path, file));
      await writeFile(join(scratch.path, 'model.bin'), bytes);
      await writeFile(join(scratch.path, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
      await writeFile(join(scratch.path, 'loss.svg'), drawLosses(losses.all));
      await writeFile(join(scratch.path, 'card.md'), modelCard(metrics));
      await publishModel(scratch.path, split.asOf, { key, replace }, store);
      run?.addMetric('mae', measured.model.mae);
      run?.addMetric('rmsle', measured.model.rmsle);
      run?.addMetric('coverage', measured.coverage);
      return metrics;
    });
  }
  return {
    status: isThere ? 'up_to_date' : 'done',
    inputs: [
      { name: 'features', uri: features.uri, key: features.key, rows: features.rows, bytes: features.bytes },
    ],
    outputs: [
      {
        name: 'model',
        uri: store.locate(name),
        format: 'safetensors',
        key,
        rows: metrics.training_rows,
        bytes: (await store.size(`${name}/model.bin`)) ?? 0,
        columns: [{ name: 'Volume', type: 'BIGINT' }],
      },
    ],
    columnLineage: {
      Volume: ['features.vol_moving_avg', 'features.adj_close_rolling_med', 'features.Volume'],
    },
    checks: [
      {
        name: 'beats_vol_moving_avg',
        passed: metrics.model.mae < metrics.vol_moving_avg.mae,
        value: metrics.model.mae / metrics.vol_moving_avg.mae,
      },
    ],
    metrics: {
      as_of: metrics.as_of,
      training_rows: metrics.training_rows,
      validation_rows: metrics.validation_rows,
      measured_rows: metrics.model.rows,
      mae: metrics.model.mae,
      mae_vol_moving_avg: metrics.vol_moving_avg.mae,
      coverage: metrics.coverage,
    },
  };
}

/** A model, and what is to be said of its making. */
interface Made {
  model: Model;
  trainingRows: number;
  validationRows: number;
  /** The rows that neither trained nor calibrated it. */
  measuring: Block;
  /** How much of its response was flattened to make it monotone: 0 for nothing, 1 for all. */
  flattened: number;
}

interface Making {
  seed: number;
  halfLife: number;
  medianFrom: number;
  losses: LossLog;
}

/** Trains on the rows before the validation block, calibrates on its first half, and leaves the second half for measuring. */
async function makeModel(
  features: ShardedDataset,
  split: Split,
  { seed, halfLife, medianFrom, losses }: Making,
  context: Context,
  tf: TensorFlow,
): Promise<Made> {
  const { log, progress } = context;
  const gatherer = new RowGatherer(tf);
  for await (const table of readTraining(features, split, halfLife, context)) {
    gatherer.add({
      logAverage: column(table, 'log_average'),
      signedLogMedian: column(table, 'signed_log_median'),
      logRatio: column(table, 'log_ratio'),
      weight: column(table, 'weight'),
    });
  }
  const training = gatherer.finish();
  const start = await readStart(features, split, context);
  const block = toBlock(await readValidation(features, split, context));
  const validationGatherer = new RowGatherer(tf);
  const calibration = selectRows(block, (row) => !block.isMeasured[row]);
  validationGatherer.add(toExamples(calibration));
  const validation = validationGatherer.finish();
  const { steps } = planSteps(training.count);
  log.info('training', {
    as_of: split.asOf,
    validation_from: split.validationFrom,
    rows: training.count,
    steps,
    losses: join(losses.folder, 'losses.csv'),
  });
  progress.start('train', steps);
  const layers = await fitNetwork(
    { training, validation, seed, medianFrom, start, losses, onStep: () => progress.advance() },
    tf,
  );
  tf.dispose([training.values, validation.values]);
  const provenance = {
    features_key: features.key,
    validation_from: split.validationFrom,
    seed: String(seed),
    half_life: String(halfLife),
    median_from: String(medianFrom),
    training_rows: String(training.count),
  };
  const { scales, density } = training;
  const offsets: Model['offsets'] = { at: [0], down: [0], up: [0] };
  const trained: Model = { layers, scales, offsets, density, asOf: split.asOf, provenance };
  const { model, flattened } = await makeMonotone(trained);
  if (flattened > 0)
    log.warn('the response was flattened until no prediction falls where vol_moving_avg rises', {
      flattened,
    });
  return {
    model: { ...model, offsets: await calibrate(model, calibration) },
    trainingRows: training.count,
    validationRows: block.volume.length,
    measuring: selectRows(block, (row) => block.isMeasured[row] === 1),
    flattened,
  };
}
