import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../../serving/model.ts';
import { decodeModel, encodeModel } from '../../serving/model-file.ts';
import type { Context } from '../context.ts';
import { contentKey } from '../key.ts';
import { isModelThere, publishModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import { openDataset, type ShardedDataset } from '../shards.ts';
import { calibrate } from './calibrate.ts';
import { modelCard } from './card.ts';
import { findSplit, readBlock, readStart, readTraining, readValidation, type Split } from './dataset.ts';
import { fitNetwork, planSteps } from './fit.ts';
import { LossLog } from './losses.ts';
import { type Metrics, measure } from './metrics.ts';
import { recordRun } from './mlflow.ts';
import type { MlflowServer } from './mlflow-client.ts';
import { makeMonotone } from './monotone.ts';
import { drawCalibration, drawLosses } from './plots.ts';
import { findProvenance, type Provenance } from './provenance.ts';
import { type Examples, RowGatherer, type Rows } from './rows.ts';
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
  /** Of this program, for the record; git is asked, if not given. */
  gitCommit?: string | undefined;
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
    gitCommit,
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
    const provenance = await findProvenance(features.key, gitCommit, store, tf);
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
      tags: {
        as_of: split.asOf,
        model_key: key,
        features_key: features.key,
        losses: folder,
        // By MLflow's own name, so that its pages show it.
        ...(provenance.git_commit && { 'mlflow.source.git.commit': provenance.git_commit }),
      },
    };
    metrics = await recordRun(mlflow, description, log, async (run) => {
      const losses = new LossLog(folder, [tensorBoard(folder, tf), ...(run ? [run.add] : [])]);
      let made: Made;
      try {
        const making = { seed, halfLife, medianFrom, provenance, losses };
        made = await makeModel(features, split, making, context, tf);
      } finally {
        progress.stop();
        losses.close();
      }
      const bytes = encodeModel(made.model);
      const measuring = await readBlock(features, [split.measureFrom, split.asOf], context);
      const measured = await measure(decodeModel(bytes), measuring);
      const metrics: Metrics = {
        key,
        as_of: split.asOf,
        validation_from: split.validationFrom,
        measure_from: split.measureFrom,
        training_rows: made.trainingRows,
        validation_rows: made.calibrationRows + measured.all.rows,
        ...measured,
        flattened: made.flattened,
        seed,
        half_life: halfLife,
        median_from: medianFrom,
        ...provenance,
      };
      for (const file of ['losses.csv', 'losses.jsonl'])
        await copyFile(join(folder, file), join(scratch.path, file));
      await writeFile(join(scratch.path, 'model.bin'), bytes);
      await writeFile(join(scratch.path, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
      await writeFile(join(scratch.path, 'loss.svg'), drawLosses(losses.all));
      await writeFile(join(scratch.path, 'calibration.svg'), drawCalibration(measured));
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
        severity: 'warn',
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
  calibrationRows: number;
  /** How much of its response was flattened to make it monotone: 0 for nothing, 1 for all. */
  flattened: number;
}

interface Making {
  seed: number;
  halfLife: number;
  medianFrom: number;
  provenance: Provenance;
  losses: LossLog;
}

/** Trains on the rows before the validation block and calibrates on its first half. */
async function makeModel(
  features: ShardedDataset,
  split: Split,
  { seed, halfLife, medianFrom, provenance, losses }: Making,
  context: Context,
  tf: TensorFlow,
): Promise<Made> {
  const { log, progress } = context;
  const training = await gather(readTraining(features, split, halfLife, context), features.rows, tf);
  const validation = await gather(readValidation(features, split, context), features.rows, tf);
  const start = await readStart(features, split, context);
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
  const { scales, density } = training;
  const offsets: Model['offsets'] = { at: [0], down: [0], up: [0] };
  const trained: Model = {
    layers,
    scales,
    offsets,
    density,
    asOf: split.asOf,
    provenance: {
      ...provenance,
      validation_from: split.validationFrom,
      seed: String(seed),
      half_life: String(halfLife),
      median_from: String(medianFrom),
      training_rows: String(training.count),
    },
  };
  const { model, flattened } = await makeMonotone(trained);
  if (flattened > 0)
    log.warn('the response was flattened until no prediction falls where vol_moving_avg rises', {
      flattened,
    });
  const calibrating = await readBlock(features, [split.validationFrom, split.measureFrom], context);
  return {
    model: { ...model, offsets: await calibrate(model, calibrating) },
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
