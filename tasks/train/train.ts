import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeModel,
  encodeModel,
  logVolume,
  type Model,
  type Scale,
  signedLog,
} from '../../serving/model.ts';
import { column } from '../arrow.ts';
import type { Context } from '../context.ts';
import { contentKey } from '../key.ts';
import { isModelThere, publishModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import { openDataset } from '../shards.ts';
import { modelCard } from './card.ts';
import { findSplit, type Rows, readRows, type Split } from './dataset.ts';
import { countSteps, type Examples, fitNetwork } from './fit.ts';
import { LossLog } from './losses.ts';
import { type Metrics, measure } from './metrics.ts';
import { drawLosses } from './plot.ts';
import { loadTensorFlow } from './tensorflow.ts';

/** Goes up whenever the same features give another model than before. */
const FORMAT_VERSION = 1;

export interface TrainOptions {
  /** Only rows before this day are known: YYYY-MM-DD. The day after the last row, if not given. */
  asOf?: string | undefined;
  seed: number;
  /** The key of the features; those that were made last, if not given. */
  features?: string | undefined;
  /** Put a model of this date aside that other features or another seed made. */
  replace?: boolean;
}

/**
 * Trains a model as of a date and publishes models/<as-of>/ whole. The same features, date and seed give the same model.
 * @throws InputError when there are no features, or too few rows
 */
export async function train(
  { asOf, seed, features: featuresKey, replace = false }: TrainOptions,
  context: Context,
): Promise<Outcome> {
  const { store, log, progress } = context;
  const features = await openDataset('features', featuresKey, 'features', store);
  const split = await findSplit(features, asOf, context);
  const name = `models/${split.asOf}`;
  const key = contentKey('model', FORMAT_VERSION, features.key, split.asOf, seed);
  const isThere = await isModelThere(split.asOf, key, replace, store);
  let metrics = isThere ? await store.readJson<Metrics>(`${name}/metrics.json`) : undefined;
  if (!metrics) {
    await using scratch = await store.scratch();
    const rows = await readRows(features, split, context);
    log.info('training', {
      as_of: split.asOf,
      validation_from: split.validationFrom,
      rows: rows.training.numRows,
      losses: join(scratch.path, 'losses.csv'),
    });
    const losses = new LossLog(scratch.path);
    progress.start('train', countSteps(rows.training.numRows));
    let bytes: Buffer;
    try {
      bytes = encodeModel(await makeModel(rows, split, seed, features.key, losses, () => progress.advance()));
    } finally {
      progress.stop();
      losses.close();
    }
    metrics = { key, ...(await measure(decodeModel(bytes), rows, split)), seed, features_key: features.key };
    await writeFile(join(scratch.path, 'model.bin'), bytes);
    await writeFile(join(scratch.path, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
    await writeFile(join(scratch.path, 'loss.svg'), drawLosses(losses.all));
    await writeFile(join(scratch.path, 'card.md'), modelCard(metrics));
    await publishModel(scratch.path, split.asOf, { key, replace }, store);
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
      mae: metrics.model.mae,
      mae_vol_moving_avg: metrics.vol_moving_avg.mae,
      coverage: metrics.coverage,
    },
  };
}

async function makeModel(
  { training, validation }: Rows,
  { asOf, validationFrom }: Split,
  seed: number,
  featuresKey: string,
  losses: LossLog,
  onStep: () => void,
): Promise<Model> {
  const known: Examples = {
    logAverage: column(training, 'log_average'),
    signedLogMedian: column(training, 'signed_log_median'),
    logRatio: column(training, 'log_ratio'),
  };
  const scales: [Scale, Scale] = [scaleOf(known.logAverage), scaleOf(known.signedLogMedian)];
  const layers = await fitNetwork(
    { training: known, validation: toExamples(validation), scales, seed, losses, onStep },
    await loadTensorFlow(),
  );
  const provenance = {
    features_key: featuresKey,
    validation_from: validationFrom,
    seed: String(seed),
    training_rows: String(training.numRows),
  };
  return { layers, scales, asOf, provenance };
}

/** The validation rows in log units, as the network sees them. */
function toExamples(validation: Rows['validation']): Examples {
  const average = column<Float64Array>(validation, 'vol_moving_avg');
  const volume = column<Float64Array>(validation, 'volume');
  return {
    logAverage: Float32Array.from(average, logVolume),
    signedLogMedian: Float32Array.from(column<Float64Array>(validation, 'adj_close_rolling_med'), signedLog),
    logRatio: Float32Array.from(volume, (value, row) => logVolume(value) - logVolume(average[row] as number)),
  };
}

function scaleOf(values: Float32Array): Scale {
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { min, max, mean, deviation: Math.sqrt(squares / values.length) || 1 };
}
