#!/usr/bin/env node
import yargs, { type Argv, type Options } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { Database } from './lib/duckdb.ts';
import { classifyError, describeError, PermanentError } from './lib/errors.ts';
import { closeLogger, createLogger, logToFile } from './lib/log.ts';
import { progressBar, progressLog } from './lib/progress.ts';
import { formatTable } from './lib/table.ts';
import { fromEnvironment, refuseOddSwitches } from './options.ts';
import { checksTable } from './store/checks-summary.ts';
import { prepareResult, writeResult } from './store/result.ts';
import { Store } from './store/store.ts';
import {
  type CommonOptions,
  commonOptions,
  pipelineOptions,
  storeMakers,
  type Task,
  tasks,
} from './tasks.ts';

const USAGE = `$0 <task> [options]

From files of daily prices to a served model, a task at a time: download, ingest, features, train, promote. prune removes what is old.`;
const EPILOG = `Every option can be set in the environment, too: --memory-limit is MEMORY_LIMIT there.
Exit codes: 0 done or up to date, 1 may succeed on a retry, 2 never will, 143 stopped by SIGTERM.`;

const onTerminal = process.stderr.isTTY === true;
const log = createLogger(onTerminal);
let store: Store | undefined;
let interrupt = () => {};
for (const [signal, code] of Object.entries({ SIGTERM: 143, SIGINT: 130 })) {
  process.on(signal, () => {
    log.warn(`stopped by ${signal}`);
    interrupt();
    store?.removeScratch();
    process.exit(code);
  });
}

try {
  const cli = yargs(hideBin(process.argv)).scriptName('node tasks/cli.ts').usage(USAGE).epilog(EPILOG);
  for (const [name, task] of Object.entries(tasks)) {
    cli.command({
      command: name,
      describe: task.describe,
      builder: (args) => withOptions(args, { ...task.options, ...commonOptions }),
      handler: (args) => runTask(name, task, args as unknown as CommonOptions),
    });
  }
  await cli
    .command({
      command: 'pipeline',
      describe: 'All tasks in order, then one prediction from the server',
      builder: (args) => withOptions(args, pipelineOptions),
      handler: async (args) => (await import('./pipeline.ts')).runPipeline(args as never, process.env),
    })
    .demandCommand(1, 'which task? For example: node tasks/cli.ts ingest')
    .strictCommands()
    .strictOptions()
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .fail((message, error) => {
      // yargs wraps what it and the options' readers refuse; what a task throws comes as it is.
      throw error && error.name !== 'YError'
        ? error
        : new PermanentError(`${message.replace(/\s+/g, ' ')} (see --help)`);
    })
    .parseAsync();
} catch (thrown) {
  const error = classifyError(thrown);
  log.error(describeError(error), log.isDebugEnabled() ? { stack: error.stack } : {});
  process.exitCode = error instanceof PermanentError ? 2 : 1;
}
await closeLogger(log);

function withOptions(args: Argv, options: Record<string, Options>): Argv {
  refuseOddSwitches(options, hideBin(process.argv));
  return args.options(options).config(fromEnvironment(options, process.env));
}

/** Opens what a task works with, runs it, and writes its result last. */
async function runTask(name: string, task: Task, args: CommonOptions): Promise<void> {
  const started = performance.now();
  log.level = args.logLevel;
  if (args.result) await prepareResult(args.result);
  store = await Store.open(args.store, storeMakers.includes(name));
  await logToFile(log, store.locate(`logs/${name}.log`));
  await using scratch = await store.scratch();
  await using database = await Database.open({ ...args, tempDirectory: scratch.path });
  interrupt = () => database.interrupt();
  const progress = onTerminal ? progressBar() : progressLog(log);
  const { printed, ...outcome } = await task.run(args as never, { store, database, log, progress });
  if (printed) process.stdout.write(`${formatTable(printed)}\n`);
  const metrics = { ...outcome.metrics, peak_memory_bytes: process.resourceUsage().maxRSS * 1024 };
  const seconds = Math.round(performance.now() - started) / 1000;
  if (args.result) await writeResult({ task: name, ...outcome, metrics, seconds }, args.result);
  if (onTerminal && outcome.checks.length > 0)
    process.stderr.write(`${formatTable(checksTable(outcome.checks))}\n`);
  const broken = outcome.checks.filter(({ passed }) => !passed);
  if (broken.length > 0)
    log.warn('checks to look at', Object.fromEntries(broken.map(({ name, value }) => [name, value])));
  const output = outcome.outputs[0]?.uri;
  log.info(`${name}: ${outcome.status.replaceAll('_', ' ')}`, {
    ...(output && { output }),
    ...metrics,
    seconds,
  });
}
