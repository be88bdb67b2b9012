import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CLI, startNode, waitForSuccess } from './lib/node-process.ts';
import { formatCount, formatTable } from './lib/table.ts';
import type { ResultFile } from './store/result.ts';

export interface PipelineOptions {
  store: string;
  source?: string | undefined;
  asOf?: string | undefined;
  maxShrink: number;
  replace: boolean;
}

const SERVER = fileURLToPath(new URL('../serving/server.ts', import.meta.url));
const PREDICT_PATH = '/predict?vol_moving_avg=12345&adj_close_rolling_med=25';

/**
 * Runs each task in its own process, as Airflow does, and prints the results. If a model is in
 * service, starts the server and asks it for one prediction.
 * @throws PermanentError or Error as the task that failed did; its log says why
 */
export async function runPipeline(
  { store, source, asOf, maxShrink, replace }: PipelineOptions,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'stock-market-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);

  async function run(task: string, ...options: string[]): Promise<ResultFile> {
    const file = join(folder, `${task}.json`);
    const args = [CLI, task, ...options, '--store', store, '--result', file];
    await waitForSuccess(startNode(args, { stdio: 'inherit', env: environment }), `${task} failed`);
    return JSON.parse(await readFile(file, 'utf8'));
  }

  try {
    const ingest = await run(
      'ingest',
      ...(source ? ['--source', source] : []),
      '--max-shrink',
      String(maxShrink),
    );
    const features = await run('features');
    const train = await run('train', `--replace=${replace}`, ...(asOf ? ['--as-of', asOf] : []));
    const promote = await run('promote', '--as-of', String(train.metrics.as_of));
    process.stdout.write(`
${formatResults([ingest, features, train, promote])}

${formatMetrics(train.metrics)}
${formatChampion(promote)}
`);
    if (promote.metrics.champion_as_of)
      process.stdout.write(`\nGET ${PREDICT_PATH}\n${await askServer(store, environment)}\n`);
  } finally {
    removeFolder();
    process.off('exit', removeFolder);
  }
}

async function askServer(store: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const env = { ...environment, STORE: store, HOST: '127.0.0.1', PORT: '0', TOKEN: '', WORKERS: '1' };
  const server = startNode([SERVER], { stdio: ['ignore', 'inherit', 'pipe'], env });
  try {
    for await (const line of createInterface(server.stderr as Readable)) {
      if (!line.startsWith('{')) continue;
      const { level, message, url } = JSON.parse(line);
      if (level === 'info' && !url) continue;
      if (!url) throw new Error(`the server did not start: ${message}`);
      const response = await fetch(new URL(PREDICT_PATH, url));
      if (!response.ok) throw new Error(`the server answered ${response.status}: ${await response.text()}`);
      return await response.text();
    }
    throw new Error('the server stopped before it listened on a port');
  } finally {
    server.kill();
  }
}

function formatResults(results: ResultFile[]): string {
  const rows = results.map(({ task, status, outputs: [output], metrics, seconds }) => [
    task,
    status.replaceAll('_', ' '),
    output?.rows ? formatCount(output.rows) : '',
    seconds.toFixed(1),
    (Number(metrics.peak_memory_bytes) / 2 ** 20).toFixed(0),
    output?.uri ?? '',
  ]);
  return formatTable([['task', 'status', 'rows', 'seconds', 'peak MiB', 'output'], ...rows]);
}

function formatMetrics({ measured_rows, mae, mae_vol_moving_avg }: ResultFile['metrics']): string {
  return `Mean absolute error on the ${formatCount(Number(measured_rows))} newest rows, which were not trained on: \
${formatCount(Number(mae))} shares.
With vol_moving_avg as the prediction: ${formatCount(Number(mae_vol_moving_avg))} shares.`;
}

function formatChampion({ status, metrics }: ResultFile): string {
  const { champion_as_of, challenger_as_of, reason } = metrics;
  if (status !== 'refused') return `The model as of ${champion_as_of} is in service.`;
  const current = champion_as_of
    ? `The model as of ${champion_as_of} stays in service`
    : 'No model is in service';
  return `${current}: ${reason}. To serve the new model:
  make run-task TASK=promote ARGS="--as-of ${challenger_as_of} --force"`;
}
