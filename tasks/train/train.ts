import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel, encodeModel } from '../../model/model-file.ts';
import { ratio } from '../../model/score.ts';
import type { Context } from '../context.ts';
import { contentKey } from '../lib/content-key.ts';
import { isModelThere, publishModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { openDataset } from '../store/shards.ts';
import { findSplit, readBlock } from './dataset/dataset.ts';
import { type Made, makeModel } from './fit/make-model.ts';
import { loadTensorFlow } from './fit/tensorflow.ts';
import { LossLog } from './losses/loss-log.ts';
import { makeRunFolder } from './losses/run-folder.ts';
import { tensorBoard } from './losses/tensorboard.ts';
import { modelCard } from './measure/model-card.ts';
import { type Metrics, measure } from './measure/model-metrics.ts';
import { drawCalibration, drawLosses } from './measure/training-plots.ts';
import type { MlflowServer } from './mlflow/mlflow-client.ts';
import { recordRun } from './mlflow/mlflow-run.ts';
import { findProvenance } from './provenance.ts';

/** Goes up whenever the same features give another model than before. */
const FORMAT_VERSION = 4;

/** From the newest row to the as-of date, before a warning: a weekend and holidays. */
const MOST_DAYS_AFTER = 7;

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
 * @throws PermanentError when there are no features, or too few rows, or training diverges
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
): Promise<TaskResult> {
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
        newest_row: split.newestRow,
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
  const daysAfter = daysBetween(metrics.newest_row, metrics.as_of);
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
        value: ratio(metrics.model.mae, metrics.vol_moving_avg.mae),
      },
      {
        name: 'as_of_follows_the_newest_row',
        severity: 'warn',
        passed: daysAfter <= MOST_DAYS_AFTER,
        value: daysAfter,
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

/** How many days lie between two days, each YYYY-MM-DD. */
function daysBetween(from: string, until: string): number {
  return (Date.parse(until) - Date.parse(from)) / 86_400_000;
}
