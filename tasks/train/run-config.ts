import { codeKey, contentKey } from '../lib/content-key.ts';
import type { Split } from './dataset/split.ts';
import type { MlflowRunDescription } from './mlflow/mlflow-run.ts';
import type { Provenance } from './provenance.ts';

/** The files that decide the weights: a change in them makes another model. */
const CODE = ['dataset/*', 'fit/*', 'tensorflow.ts', '../../model/*.ts'];

/** The configuration of a run, named as in metrics.json, model.bin and MLflow. */
export interface RunConfig {
  split: Split;
  hyperparameters: Hyperparameters;
  provenance: Provenance;
}

export interface Hyperparameters {
  seed: number;
  /** In years: a row this old has half the weight. */
  half_life: number;
  /**
   * In shares: around this vol_moving_avg the point turns from a mean of logarithms, which RMSLE
   * rewards where volumes are small and often zero, into a median, which the absolute error rewards
   * where volumes are large.
   */
  median_from: number;
}

/**
 * The content key of the model. A newer commit or version leaves a model up to date, unless it
 * changes CODE.
 */
export function modelKey({ split, hyperparameters, provenance }: RunConfig): string {
  const { seed, half_life, median_from } = hyperparameters;
  const { features_key } = provenance;
  const code = codeKey(import.meta.url, ...CODE);
  return contentKey('model', code, features_key, split.as_of, seed, half_life, median_from);
}

/** The metadata of model.bin that says how the model was made. */
export function modelProvenance(
  { split: { validation_from, measure_from }, hyperparameters, provenance }: RunConfig,
  training_rows: number,
): Record<string, string> {
  return toText({ ...provenance, validation_from, measure_from, ...hyperparameters, training_rows });
}

/** @param lossFolder where the run's losses are on this machine */
export function describeForMlflow(config: RunConfig, lossFolder: string): MlflowRunDescription {
  const { as_of, validation_from } = config.split;
  const { features_key, git_commit } = config.provenance;
  return {
    name: as_of,
    params: toText({ as_of, validation_from, ...config.hyperparameters }),
    tags: {
      as_of,
      model_key: modelKey(config),
      features_key,
      losses: lossFolder,
      // MLflow's own name for it, so that its pages show the commit.
      ...(git_commit && { 'mlflow.source.git.commit': git_commit }),
    },
  };
}

function toText(values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}
