import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ArgumentsCamelCase, InferredOptionTypes, Options } from 'yargs';
import type { Context } from './context.ts';
import { PermanentError } from './lib/errors.ts';
import {
  commit,
  dataset,
  date,
  decimal,
  integer,
  key,
  memory,
  month,
  path,
  reason,
  shard,
  url,
} from './options.ts';
import type { TaskResult } from './store/result.ts';
import { archiveName, latestSnapshot } from './store/snapshots.ts';

/** A task as the command line offers it. A task is imported only when it is run. */
export interface Task {
  describe: string;
  options: Record<string, Options>;
  run(args: never, context: Context): Promise<TaskResult>;
}

/** The options of every task. */
export const commonOptions = {
  store: { ...text('Folder that holds all that the tasks make', path('store')), default: 'data/store' },
  result: text('File that gets the result as JSON, written last', path('result')),
  threads: {
    ...text('Threads of DuckDB; for 4 and more, set UV_THREADPOOL_SIZE, too', integer('threads', 1, 256)),
    default: String(availableParallelism()),
  },
  'memory-limit': {
    ...text('Memory of DuckDB before it spills to the disk', memory('memory-limit')),
    default: '1GB',
  },
  'log-level': {
    type: 'string',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    describe: 'How much is logged',
  },
} as const satisfies Record<string, Options>;

export type CommonOptions = ArgumentsCamelCase<InferredOptionTypes<typeof commonOptions>>;

const SAMPLE = fileURLToPath(new URL('../data/sample.zip', import.meta.url));

const source = {
  ...text('Folder or zip with stocks/*.csv, etfs/*.csv and symbols_valid_meta.csv', path('source')),
  defaultDescription: 'what was downloaded last, else the bundled sample',
};
const shardOption = text('Make only the i-th of n parts of the shards, as i/n', shard('shard'));
const asOf = {
  ...text('Only rows before this day are known: YYYY-MM-DD', date('as-of')),
  defaultDescription: 'the day after the last row',
};
const featuresKey = text('Key of the features; the latest, if not given', key('features'));

export const pipelineOptions = {
  store: commonOptions.store,
  source: { ...source, default: SAMPLE, defaultDescription: 'the bundled sample' },
  'as-of': asOf,
};

/** The tasks that make a store where there is none; to the others a store that is not there is a mistake. */
export const storeMakers = ['download', 'ingest'];

export const tasks: Record<string, Task> = {
  download: task(
    'Kaggle -> raw: the zip of a dataset, verified',
    {
      dataset: {
        ...text('Which dataset, as owner/name', dataset('dataset')),
        default: 'jacksoncrow/stock-market-dataset',
      },
      'kaggle-url': {
        ...text('Where Kaggle, or a mirror of it, is', url('kaggle-url')),
        default: 'https://www.kaggle.com',
      },
      'kaggle-username': { type: 'string', describe: 'Better given as KAGGLE_USERNAME; none, if not given' },
      'kaggle-key': { type: 'string', describe: 'Better given as KAGGLE_KEY, which nobody sees' },
    },
    async ({ dataset, kaggleUrl, kaggleUsername, kaggleKey }, context) => {
      if (!kaggleUsername !== !kaggleKey)
        throw new PermanentError('set both of KAGGLE_USERNAME and KAGGLE_KEY, or neither');
      const credentials =
        kaggleUsername && kaggleKey ? { username: kaggleUsername, key: kaggleKey } : undefined;
      return (await import('./download/download.ts')).download(
        { dataset, url: kaggleUrl, credentials },
        context,
      );
    },
  ),
  ingest: task(
    'CSV files -> Parquet prices: every row once, in shards of whole symbols',
    {
      source,
      shards: {
        ...text('Parquet files to spread the prices over', integer('shards', 1, 4096)),
        defaultDescription: '16, and more from 800 MB of CSV on',
      },
      quarantine: {
        type: 'boolean',
        default: false,
        describe: 'Set bad rows aside instead of stopping at them',
      },
      shard: shardOption,
    },
    async ({ source, ...args }, context) => {
      const downloaded = source ? undefined : await latestSnapshot(context.store);
      return (await import('./ingest/ingest.ts')).ingest(
        {
          ...args,
          source: source ?? (downloaded ? context.store.locate(archiveName(downloaded.key)) : SAMPLE),
          snapshot: downloaded?.key,
        },
        context,
      );
    },
  ),
  features: task(
    'prices -> features: vol_moving_avg and adj_close_rolling_med per symbol',
    {
      window: { ...text('Rows in a window, the current one included', integer('window', 1)), default: '30' },
      prices: text('Key of the prices; the latest, if not given', key('prices')),
      shard: shardOption,
    },
    async (args, context) => (await import('./features/features.ts')).features(args, context),
  ),
  train: task(
    'features -> models/<as-of>/: a model, its losses and its scores',
    {
      'as-of': asOf,
      seed: { ...text('The same seed gives the same model', integer('seed', 0)), default: '1' },
      features: featuresKey,
      'half-life': {
        ...text('Years after which a row counts half', decimal('half-life', 0.1, 1000, 8)),
        default: '8',
      },
      'median-from': {
        ...text('vol_moving_avg from which the prediction is a median', integer('median-from', 1)),
        default: '100000',
      },
      replace: {
        type: 'boolean',
        default: false,
        describe: 'Put aside a model of this date that other features, another seed or version made',
      },
      'git-commit': {
        ...text('Commit of this program, for the record', commit('git-commit')),
        defaultDescription: 'what git says of this checkout',
      },
      'mlflow-tracking-uri': {
        type: 'string',
        describe: 'Address of an MLflow server that the run is recorded at, too; none, if not given',
      },
      'mlflow-experiment-name': { type: 'string', default: 'stock-market', describe: 'Experiment in MLflow' },
      'mlflow-tracking-username': { type: 'string', describe: 'Better given as MLFLOW_TRACKING_USERNAME' },
      'mlflow-tracking-password': { type: 'string', describe: 'Better given as MLFLOW_TRACKING_PASSWORD' },
      'mlflow-tracking-token': { type: 'string', describe: 'Better given as MLFLOW_TRACKING_TOKEN' },
    },
    async ({ mlflowTrackingUri: uri, ...args }, context) => {
      const mlflow = uri && {
        uri,
        experiment: args.mlflowExperimentName,
        username: args.mlflowTrackingUsername,
        password: args.mlflowTrackingPassword,
        token: args.mlflowTrackingToken,
      };
      return (await import('./train/train.ts')).train({ ...args, mlflow: mlflow || undefined }, context);
    },
  ),
  promote: task(
    'a model -> model.bin and champion.json: puts it into service',
    {
      'as-of': { ...asOf, describe: 'Which model: YYYY-MM-DD', defaultDescription: 'the newest' },
      force: {
        type: 'boolean',
        default: false,
        describe: 'Put it in place of a newer or better model, and whatever its coverage',
      },
      features: { ...featuresKey, describe: 'Key of the features to measure on; the latest, if not given' },
      'max-mae-ratio': {
        ...text('MAE at most this many times the champion’s', decimal('max-mae-ratio', 0, 1000, 1.02)),
        default: '1.02',
      },
      'max-rmsle-ratio': {
        ...text('RMSLE at most this many times the champion’s', decimal('max-rmsle-ratio', 0, 1000, 1.02)),
        default: '1.02',
      },
      'min-coverage': {
        ...text('Share of volumes between p10 and p90, at least', decimal('min-coverage', 0, 1, 0.7)),
        default: '0.7',
      },
      'max-coverage': {
        ...text('Share of volumes between p10 and p90, at most', decimal('max-coverage', 0, 1, 0.9)),
        default: '0.9',
      },
    },
    async ({ maxMaeRatio, maxRmsleRatio, minCoverage, maxCoverage, ...args }, context) =>
      (await import('./promote/promote.ts')).promote(
        { ...args, gates: { maxMaeRatio, maxRmsleRatio, minCoverage, maxCoverage } },
        context,
      ),
  ),
  rollback: task(
    'the champion before -> model.bin and champion.json: undoes the last change',
    { why: text('A reason, for champion-history.jsonl', reason('why')) },
    async (args, context) => (await import('./promote/rollback.ts')).rollback(args, context),
  ),
  models: task('Lists the models, their scores, and which is in service', {}, async (_args, context) =>
    (await import('./promote/list-models.ts')).listModels(context),
  ),
  prune: task(
    'Remove old raw, prices and features, but not what the model in service came from',
    { keep: { ...text('How many keys of each to keep, the newest', integer('keep', 1)), default: '2' } },
    async (args, context) => (await import('./prune.ts')).prune(args, context),
  ),
  'walk-forward': task(
    'models -> a table: how each did in the month after its as-of date',
    {
      features: featuresKey,
      from: text('First month, YYYY-MM: models are trained as of each first of month', month('from')),
      to: text('Last month, YYYY-MM; the one of --from, if not given', month('to')),
    },
    async (args, context) => (await import('./walk-forward/walk-forward.ts')).walkForward(args, context),
  ),
};

function task<Own extends Record<string, Options>>(
  describe: string,
  options: Own,
  run: (
    args: ArgumentsCamelCase<InferredOptionTypes<Own & typeof commonOptions>>,
    context: Context,
  ) => Promise<TaskResult>,
): Task {
  return { describe, options, run };
}

/** An option that is read by a function which refuses what it cannot use. */
function text<Value>(describe: string, coerce: (text: string) => Value) {
  return { type: 'string', describe, coerce } as const;
}
