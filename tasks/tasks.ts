import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.ts';
import { PermanentError } from './lib/errors.ts';
import {
  commit,
  date,
  decimal,
  flag,
  integer,
  kaggleDataset,
  key,
  logLevel,
  memory,
  month,
  type Options,
  type OptionValues,
  option,
  path,
  shardSubset,
  text,
  url,
  words,
} from './options.ts';
import type { TaskResult } from './store/result.ts';
import { chooseSource, recordDownload, recordFirstSource, recordSourceOf } from './store/source.ts';

/** A task of the command line. Its module is imported only when it runs. */
export interface Task {
  describe: string;
  options: Options;
  run(values: never, context: Context): Promise<TaskResult>;
}

/** The options of every task. */
export const commonOptions = {
  store: option('Folder of all data and models', path.default('data/store')),
  result: option('File for the result as JSON, written last', path.optional()),
  threads: option(
    'Threads of DuckDB. With 4 or more, set UV_THREADPOOL_SIZE to more than this number',
    integer(1, 256).default(availableParallelism()),
    'the number of cores',
  ),
  'memory-limit': option('Memory that DuckDB uses before it spills to disk', memory.default('1GB')),
  'log-level': option('Least severe level that is logged', logLevel.default('info')),
} satisfies Options;

const SAMPLE = fileURLToPath(new URL('../data/sample.zip', import.meta.url));
const source = option(
  'Folder or zip with stocks/*.csv, etfs/*.csv and symbols_valid_meta.csv',
  path.optional(),
  'what the store is made from; for an empty store the bundled sample',
);

const asOf = option(
  'Train on rows before this date only',
  date.optional(),
  'the day after the last row, today at the latest',
);
const replace = option(
  'Train again if a model of this date was trained with other options. The old model moves to models/<as-of>.<hash>/',
  flag.default(false),
);
const maxShrink = option(
  'How much smaller than the latest prices the new prices may be, in rows and in symbols: 0.1 allows 10 % fewer',
  decimal(0, 1).default(0.1),
);
const shard = option('Make only the i-th of n parts of the shards', shardSubset.optional());
const featuresKey = option('Features to use', key.optional(), 'the latest');

export const pipelineOptions = {
  store: commonOptions.store,
  source,
  'as-of': asOf,
  'max-shrink': maxShrink,
  replace,
} satisfies Options;

/**
 * The tasks that create the store if it does not exist. For the others a missing store is an error.
 */
export const STORE_CREATORS = ['download', 'ingest'];

export const tasks: Record<string, Task> = {
  download: defineTask(
    'Download a dataset from Kaggle and verify it',
    {
      dataset: option('Dataset on Kaggle', kaggleDataset.default('jacksoncrow/stock-market-dataset')),
      'kaggle-url': option('Address of Kaggle or of a mirror', url.default('https://www.kaggle.com')),
      'kaggle-username': option('User name at Kaggle; better set in the environment', text.optional()),
      'kaggle-key': option('API key at Kaggle; better set in the environment', text.optional()),
    },
    async ({ dataset, kaggleUrl, kaggleUsername, kaggleKey }, context) => {
      if (!kaggleUsername !== !kaggleKey)
        throw new PermanentError('Only one of KAGGLE_USERNAME and KAGGLE_KEY is set; set both, or neither');
      const credentials =
        kaggleUsername && kaggleKey ? { username: kaggleUsername, key: kaggleKey } : undefined;
      const result = await (await import('./download/download.ts')).download(
        { dataset, url: kaggleUrl, credentials },
        context,
      );
      await recordDownload(context.store);
      return result;
    },
  ),
  ingest: defineTask(
    'Turn CSV files into Parquet prices',
    {
      source,
      shards: option('Number of Parquet files', integer(1, 4096).optional(), '16, more above 800 MB of CSV'),
      quarantine: option('Set bad rows aside instead of stopping at them', flag.default(false)),
      'max-shrink': maxShrink,
      shard,
    },
    async ({ source: named, ...values }, context) => {
      const chosen = await chooseSource(named, SAMPLE, context.store);
      if (!named)
        context.log.info('no --source: reads what the store is made from', { source: chosen.source });
      await recordFirstSource(chosen, context.store);
      const { source, snapshot } = chosen;
      const result = await (await import('./ingest/ingest.ts')).ingest(
        { ...values, source, snapshot },
        context,
      );
      await recordSourceOf(result.outputs[0]?.key, chosen, context.store);
      return result;
    },
  ),
  features: defineTask(
    'Compute vol_moving_avg and adj_close_rolling_med for each symbol',
    {
      window: option('Rows in a window, including the current row', integer(1).default(30)),
      prices: option('Prices to use', key.optional(), 'the latest'),
      shard,
    },
    async (values, context) => (await import('./features/features.ts')).features(values, context),
  ),
  train: defineTask(
    'Train a model on the features',
    {
      'as-of': asOf,
      seed: option('Seed of the random numbers', integer(0).default(1)),
      features: featuresKey,
      'half-life': option('Age in years at which a row counts half', decimal(0.1, 1000).default(8)),
      'median-from': option(
        'vol_moving_avg at which the loss of the prediction is half mean, half median. Above it, the median counts more',
        integer(1).default(100_000),
      ),
      replace,
      'git-commit': option(
        'Commit of this program, stored with the model',
        commit.optional(),
        'the commit of this checkout',
      ),
      'mlflow-tracking-uri': option('Address of an MLflow server that records the run', text.optional()),
      'mlflow-experiment-name': option('Experiment in MLflow', text.default('stock-market')),
      'mlflow-tracking-username': option(
        'User name at MLflow; better set in the environment',
        text.optional(),
      ),
      'mlflow-tracking-password': option(
        'Password at MLflow; better set in the environment',
        text.optional(),
      ),
      'mlflow-tracking-token': option('Token at MLflow; better set in the environment', text.optional()),
    },
    async ({ mlflowTrackingUri: uri, ...values }, context) => {
      const mlflow = uri && {
        uri,
        experiment: values.mlflowExperimentName,
        username: values.mlflowTrackingUsername,
        password: values.mlflowTrackingPassword,
        token: values.mlflowTrackingToken,
      };
      return (await import('./train/train.ts')).train({ ...values, mlflow: mlflow || undefined }, context);
    },
  ),
  promote: defineTask(
    'Put a model into service if it passes the gates',
    {
      'as-of': option('As-of date of the model', date.optional(), 'the newest, today at the latest'),
      force: option('Promote even an older, worse or rolled-back model', flag.default(false)),
      features: option('Features to measure on', key.optional(), 'the latest'),
      'max-mae-ratio': option('Largest MAE, as a multiple of the champion’s', decimal(0, 1000).default(1.02)),
      'max-rmsle-ratio': option(
        'Largest RMSLE, as a multiple of the champion’s',
        decimal(0, 1000).default(1.02),
      ),
      'min-coverage': option('Smallest share of volumes between p10 and p90', decimal(0, 1).default(0.7)),
      'max-coverage': option('Largest share of volumes between p10 and p90', decimal(0, 1).default(0.9)),
    },
    async ({ maxMaeRatio, maxRmsleRatio, minCoverage, maxCoverage, ...values }, context) =>
      (await import('./promote/promote.ts')).promote(
        { ...values, gates: { maxMaeRatio, maxRmsleRatio, minCoverage, maxCoverage } },
        context,
      ),
  ),
  rollback: defineTask(
    'Put the previous champion back into service',
    { why: option('Reason, stored in champion-history.jsonl', words.optional()) },
    async (values, context) => (await import('./promote/rollback.ts')).rollback(values, context),
  ),
  models: defineTask(
    'List the models, their scores and which one is in service',
    {},
    async (_values, context) => (await import('./promote/list-models.ts')).listModels(context),
  ),
  prune: defineTask(
    'Remove old downloads, prices and features. Keeps the newest --keep of each, and those the champion was made from',
    { keep: option('How many of the newest downloads, prices and features to keep', integer(1).default(2)) },
    async (values, context) => (await import('./prune.ts')).prune(values, context),
  ),
  verify: defineTask(
    'Compare every file of the store with its checksum, and list what to make again',
    {},
    async (_values, context) => (await import('./verify.ts')).verify(context),
  ),
  'walk-forward': defineTask(
    'Measure each model on the month that begins on its as-of date',
    {
      features: featuresKey,
      from: option('First month; trains a model as of the first of each month', month.optional()),
      to: option('Last month', month.optional(), 'the month of --from'),
    },
    async (values, context) => (await import('./walk-forward/walk-forward.ts')).walkForward(values, context),
  ),
};

function defineTask<Declared extends Options>(
  describe: string,
  options: Declared,
  run: (values: OptionValues<Declared & typeof commonOptions>, context: Context) => Promise<TaskResult>,
): Task {
  return { describe, options, run };
}
