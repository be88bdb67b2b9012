#!/usr/bin/env node
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import yargs, {
  type ArgumentsCamelCase,
  type CommandModule,
  type InferredOptionTypes,
  type Options,
} from 'yargs';
import { hideBin } from 'yargs/helpers';
import type { Context } from './context.ts';
import { Database } from './duckdb.ts';
import { classifyError, describeError, InputError } from './errors.ts';
import { closeLogger, createLogger, logToFile } from './log.ts';
import { date, fromEnvironment, integer, memory, slice } from './options.ts';
import { progressBar, progressLog } from './progress.ts';
import { type Outcome, writeResult } from './result.ts';
import { Store } from './store.ts';

const SAMPLE = fileURLToPath(new URL('../data/sample.zip', import.meta.url));
const ON_TERMINAL = process.stderr.isTTY === true;

const common = {
  store: { type: 'string', default: 'data/store', describe: 'Folder that holds all that the tasks make' },
  result: { type: 'string', describe: 'File that gets the result as JSON, written last' },
  threads: {
    type: 'string',
    default: String(availableParallelism()),
    describe: 'Threads of DuckDB',
    coerce: integer('threads', 1),
  },
  'memory-limit': {
    type: 'string',
    default: '1GB',
    describe: 'Memory of DuckDB before it spills to the disk',
    coerce: memory('memory-limit'),
  },
  'log-level': {
    type: 'string',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    describe: 'How much is logged',
  },
} as const satisfies Record<string, Options>;

const source = {
  type: 'string',
  default: SAMPLE,
  defaultDescription: 'the bundled sample',
  describe: 'Folder or zip with stocks/*.csv, etfs/*.csv and symbols_valid_meta.csv',
} as const;
const shard = {
  type: 'string',
  describe: 'Make only the i-th of n parts of the shards, as i/n',
  coerce: slice('shard'),
} as const;
const asOf = {
  type: 'string',
  describe: 'Only rows before this day are known: YYYY-MM-DD',
  coerce: date('as-of'),
} as const;
const pipelineOptions = { store: common.store, source, 'as-of': asOf };

const log = createLogger(ON_TERMINAL);
let store: Store | undefined;
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  process.on(signal, () => {
    store?.removeScratch();
    process.exit(code);
  });
}

try {
  await yargs(hideBin(process.argv))
    .scriptName('node tasks/cli.ts')
    .usage(
      '$0 <task> [options]\n\nFrom files of daily prices to a served model, a task at a time: ingest, features, train, promote.',
    )
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .command(
      task(
        'ingest',
        'CSV files -> Parquet prices: every row once, in shards of whole symbols',
        {
          source,
          shards: {
            type: 'string',
            default: '16',
            describe: 'Parquet files to spread the prices over',
            coerce: integer('shards', 1),
          },
          quarantine: {
            type: 'boolean',
            default: false,
            describe: 'Set bad rows aside instead of stopping at them',
          },
          shard,
        },
        async (args, context) =>
          (await import('./ingest/ingest.ts')).ingest({ ...args, slice: args.shard }, context),
      ),
    )
    .command(
      task(
        'features',
        'prices -> features: vol_moving_avg and adj_close_rolling_med per symbol',
        {
          window: {
            type: 'string',
            default: '30',
            describe: 'Rows in a window, the current one included',
            coerce: integer('window', 1),
          },
          prices: { type: 'string', describe: 'Key of the prices; the latest, if not given' },
          shard,
        },
        async (args, context) =>
          (await import('./features/features.ts')).features({ ...args, slice: args.shard }, context),
      ),
    )
    .command(
      task(
        'train',
        'features -> models/<as-of>/: a model, its losses and its scores',
        {
          'as-of': { ...asOf, defaultDescription: 'the day after the last row' },
          seed: {
            type: 'string',
            default: '1',
            describe: 'The same seed gives the same model',
            coerce: integer('seed', 0),
          },
          features: { type: 'string', describe: 'Key of the features; the latest, if not given' },
        },
        async (args, context) => (await import('./train/train.ts')).train(args, context),
      ),
    )
    .command(
      task(
        'promote',
        'a model -> model.bin and champion.json: puts it into service',
        {
          'as-of': { ...asOf, describe: 'Which model: YYYY-MM-DD', defaultDescription: 'the newest' },
        },
        async (args, context) => (await import('./promote/promote.ts')).promote(args, context),
      ),
    )
    .command(
      'pipeline',
      'All tasks in order, then one prediction from the server',
      (args) => args.options(pipelineOptions).config(fromEnvironment(pipelineOptions, process.env)),
      async (args) => (await import('./pipeline.ts')).runPipeline(args, process.env),
    )
    .demandCommand(1, 'Which task? Name one of those above.')
    .strict()
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .epilog(
      'Every option can be set in the environment, too: --memory-limit is MEMORY_LIMIT there.\nExit codes: 0 done or up to date, 1 may succeed on a retry, 2 never will, 143 stopped by SIGTERM.',
    )
    .fail((message, error) => {
      throw error ?? new InputError(`${message} (see --help)`);
    })
    .parseAsync();
} catch (thrown) {
  const error = classifyError(thrown);
  log.error(describeError(error), log.isDebugEnabled() ? { stack: error.stack } : {});
  process.exitCode = error instanceof InputError ? 2 : 1;
}
await closeLogger(log);

/** A task as a command: opens what it works with, runs it, and writes its result last. */
function task<Own extends Record<string, Options>>(
  name: string,
  describe: string,
  own: Own,
  work: (args: ArgumentsCamelCase<InferredOptionTypes<Own>>, context: Context) => Promise<Outcome>,
): CommandModule<object, InferredOptionTypes<Own & typeof common>> {
  const options = { ...own, ...common };
  return {
    command: name,
    describe,
    builder: (args) => args.options(options).config(fromEnvironment(options, process.env)) as never,
    handler: async (args) => {
      const started = performance.now();
      log.level = args['log-level'] as string;
      store = await Store.open(args.store as string);
      logToFile(log, store.locate(`logs/${name}.log`));
      await using scratch = await store.scratch();
      await using database = await Database.open({
        threads: args.threads as number,
        memoryLimit: args['memory-limit'] as string,
        tempDirectory: scratch.path,
      });
      const progress = ON_TERMINAL ? progressBar() : progressLog(log);
      const outcome = await work(args, { store, database, log, progress });
      const metrics = { ...outcome.metrics, peak_memory_bytes: process.resourceUsage().maxRSS * 1024 };
      const seconds = Math.round(performance.now() - started) / 1000;
      const result = { task: name, ...outcome, metrics, seconds };
      if (args.result) await writeResult(result, args.result as string);
      const [output] = outcome.outputs;
      log.info(`${name}: ${outcome.status.replaceAll('_', ' ')}`, {
        output: output?.uri,
        ...metrics,
        seconds,
      });
    },
  };
}
