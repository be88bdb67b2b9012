import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel, encodeModel } from '../../model/model-file.ts';
import type { Context } from '../context.ts';
import { isModelThere, type ModelPlan, publishModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { openDataset, type ShardedDataset } from '../store/shards.ts';
import type { Store } from '../store/store.ts';
import { readEvaluationRows } from './dataset/read-rows.ts';
import { findSplit } from './dataset/split.ts';
import { type FittedModel, fitModel } from './fit/fit-model.ts';
import { LossLog } from './losses/loss-log.ts';
import { makeRunFolder } from './losses/run-folder.ts';
import { createTensorBoardWriter } from './losses/tensorboard.ts';
import { modelCard } from './measure/model-card.ts';
import { type Metrics, scoreModel } from './measure/model-metrics.ts';
import { drawCalibration, drawLosses } from './measure/training-plots.ts';
import type { MlflowServer } from './mlflow/mlflow-client.ts';
import { withMlflowRun } from './mlflow/mlflow-run.ts';
import { findProvenance } from './provenance.ts';
import { describeForMlflow, modelKey, type RunConfig } from './run-config.ts';
import { loadTensorFlow } from './tensorflow.ts';
import { trainResult } from './train-result.ts';

export interface TrainOptions {
  /** Only rows before this day count: YYYY-MM-DD. The day after the last row, if not given. */
  asOf?: string | undefined;
  seed: number;
  /** The key of the features; the latest, if not given. */
  features?: string | undefined;
  /** Put a model of this date and features aside, even if it was trained with other options. */
  replace: boolean;
  /** In years: see Hyperparameters. */
  halfLife: number;
  /** In shares: see Hyperparameters. */
  medianFrom: number;
  /** Of this program; taken from git, if not given. */
  gitCommit?: string | undefined;
  /** An MLflow server that records the run, too. */
  mlflow?: MlflowServer | undefined;
}

/** The data and the configuration of a run. */
interface Run {
  features: ShardedDataset;
  config: RunConfig;
  plan: ModelPlan;
  /** The metrics of the model, where it is published already. */
  published: Metrics | undefined;
}

/**
 * Trains a model as of a date and publishes the whole folder models/<as-of>/. The same features,
 * date, seed and hyperparameters give the same model. Each loss is in logs/train/<as-of>/<n>/ at
 * once, and stays there if training fails.
 * @throws PermanentError when there are no features, or too few rows, or training diverges
 */
export async function train(options: TrainOptions, context: Context): Promise<TaskResult> {
  const { store, log } = context;
  const { features, config, plan, published } = await findRun(options, context);
  if (published) return trainResult('up_to_date', features, published, store);
  const tf = await loadTensorFlow();
  const lossFolder = await makeRunFolder(config.split.as_of, store);
  const description = describeForMlflow(config, lossFolder);
  const metrics = await withMlflowRun(options.mlflow, description, log, async (mlflowRun) => {
    const listeners = [createTensorBoardWriter(lossFolder, tf), ...(mlflowRun ? [mlflowRun.logLoss] : [])];
    using losses = new LossLog(lossFolder, listeners);
    const fitted = await fitModel(features, config, losses, context, tf);
    const modelFile = encodeModel(fitted.model);
    const metrics = await measureModel(modelFile, fitted, features, config, context);
    await publish(modelFile, metrics, losses, plan, store);
    mlflowRun?.logMetric('mae', metrics.model.mae);
    mlflowRun?.logMetric('rmsle', metrics.model.rmsle);
    mlflowRun?.logMetric('coverage', metrics.coverage);
    return metrics;
  });
  return trainResult('done', features, metrics, store);
}

async function findRun(
  { asOf, seed, features: key, replace, halfLife, medianFrom, gitCommit }: TrainOptions,
  context: Context,
): Promise<Run> {
  const { store } = context;
  const features = await openDataset('features', key, 'features', store);
  const config: RunConfig = {
    split: await findSplit(features, asOf, context),
    hyperparameters: { seed, half_life: halfLife, median_from: medianFrom },
    provenance: await findProvenance(features.key, gitCommit, store),
  };
  const { as_of } = config.split;
  const plan: ModelPlan = {
    asOf: as_of,
    key: modelKey(config),
    featuresKey: features.key,
    hyperparameters: { ...config.hyperparameters },
    replace,
  };
  const isPublished = await isModelThere(plan, store);
  const published = isPublished ? await store.readJson<Metrics>(`models/${as_of}/metrics.json`) : undefined;
  return { features, config, plan, published };
}

/** Measures the model in its file, on rows that neither trained nor calibrated it. */
async function measureModel(
  modelFile: Buffer,
  { trainingRows, calibrationRows, flattened }: FittedModel,
  features: ShardedDataset,
  config: RunConfig,
  context: Context,
): Promise<Metrics> {
  const { split, hyperparameters, provenance } = config;
  const rows = await readEvaluationRows(features, [split.measure_from, split.as_of], context);
  const scores = await scoreModel(decodeModel(modelFile), rows);
  return {
    key: modelKey(config),
    ...split,
    training_rows: trainingRows,
    validation_rows: calibrationRows + scores.all.rows,
    ...scores,
    flattened,
    ...hyperparameters,
    ...provenance,
  };
}

async function publish(
  modelFile: Buffer,
  metrics: Metrics,
  losses: LossLog,
  plan: ModelPlan,
  store: Store,
): Promise<void> {
  await using scratch = await store.scratch();
  const files = {
    'model.bin': modelFile,
    'metrics.json': `${JSON.stringify(metrics, null, 2)}\n`,
    'loss.svg': drawLosses(losses.all),
    'calibration.svg': drawCalibration(metrics),
    'card.md': modelCard(metrics),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(scratch.path, name), content);
  for (const name of ['losses.csv', 'losses.jsonl'])
    await copyFile(join(losses.folder, name), join(scratch.path, name));
  await publishModel(scratch.path, plan, store);
}
