#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { Database } from './lib/duckdb.ts';
import { classifyError, describeError, PermanentError } from './lib/errors.ts';
import { closeLogger, createLogger, logToFile } from './lib/log.ts';
import { progressBar, progressLog } from './lib/progress.ts';
import { formatTable } from './lib/table.ts';
import { type OptionValues, readOptions, toYargs } from './options.ts';
import { assertChecksPass } from './store/checks.ts';
import { checksTable } from './store/checks-summary.ts';
import { type Check, prepareResult, writeResult } from './store/result.ts';
import { Store } from './store/store.ts';
import { commonOptions, pipelineOptions, STORE_CREATORS, type Task, tasks } from './tasks.ts';

const USAGE = `$0 <task> [options]

Turns files of daily prices into a model in service: download, ingest, features, train, promote.`;
const EPILOG = `Every option can also be set in the environment: --memory-limit is MEMORY_LIMIT there.
Exit codes: 0 done or up to date, 1 failed but a retry may succeed, 2 a retry will fail too,
130 or 143 stopped by SIGINT or SIGTERM.`;

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
  const args = hideBin(process.argv);
  const cli = yargs(args).scriptName('node tasks/cli.ts').usage(USAGE).epilog(EPILOG);
  for (const [name, task] of Object.entries(tasks)) {
    const options = { ...task.options, ...commonOptions };
    cli.command({
      command: name,
      describe: task.describe,
      builder: toYargs(options),
      handler: (parsed) => runTask(name, task, readOptions(options, parsed, args, process.env)),
    });
  }
  await cli
    .command({
      command: 'pipeline',
      describe: 'Run ingest, features, train and promote, then ask the server for one prediction',
      builder: toYargs(pipelineOptions),
      handler: async (parsed) => {
        const values = readOptions(pipelineOptions, parsed, args, process.env);
        await (await import('./pipeline.ts')).runPipeline(values, process.env);
      },
    })
    .demandCommand(1, 'the task is missing; use, for example, node tasks/cli.ts ingest')
    .strictCommands()
    .strictOptions()
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .fail((message, error) => {
      // yargs throws a YError for what it refuses; a task throws its own errors.
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

/** Opens the store and the database, runs the task, and writes the result last. */
async function runTask(name: string, task: Task, options: OptionValues<typeof commonOptions>): Promise<void> {
  const started = performance.now();
  log.level = options.logLevel;
  if (options.result) await prepareResult(options.result);
  store = await Store.open(options.store, STORE_CREATORS.includes(name));
  await logToFile(log, store.locate(`logs/${name}.log`));
  await using scratch = await store.scratch();
  await using database = await Database.open({ ...options, tempDirectory: scratch.path });
  interrupt = () => database.interrupt();
  const progress = onTerminal ? progressBar() : progressLog(log);
  const today = new Date().toISOString().slice(0, 10);
  const { printedTable, ...result } = await task.run(options as never, {
    store,
    database,
    log,
    progress,
    today,
  });
  if (printedTable) process.stdout.write(`${formatTable(printedTable)}\n`);
  const metrics = { ...result.metrics, peak_memory_bytes: process.resourceUsage().maxRSS * 1024 };
  const seconds = Math.round(performance.now() - started) / 1000;
  if (options.result) await writeResult({ task: name, ...result, metrics, seconds }, options.result);
  reportChecks(result.checks);
  const output = result.outputs[0]?.uri;
  log.info(`${name}: ${result.status.replaceAll('_', ' ')}`, {
    ...(output && { output }),
    ...metrics,
    seconds,
  });
  assertChecksPass(result.checks, store.root, 'run the commands in the table');
}

function reportChecks(checks: Check[]): void {
  if (onTerminal && checks.length > 0) process.stderr.write(`${formatTable(checksTable(checks))}\n`);
  const warnings = checks.filter(({ passed }) => !passed);
  if (warnings.length > 0)
    log.warn('checks with warnings', Object.fromEntries(warnings.map(({ name, value }) => [name, value])));
}
