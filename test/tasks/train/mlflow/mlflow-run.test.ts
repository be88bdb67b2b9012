import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { ROOT, type Running, start, startCli, succeed, until } from '../../../support/command.ts';
import { hashStore, makeFolder } from '../../../support/fixtures.ts';

const { store: sample } = inject('sample');
const AS_OF = '1984-01-01';

/** A real MLflow server. */
let server: Running;
let url: string;
const folder = mkdtempSync(join(tmpdir(), 'stock-market-test-'));
beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = start(
    join(ROOT, '.mlflow/bin/mlflow'),
    [
      ...['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--default-artifact-root', folder],
    ],
    { MLFLOW_DISABLE_TELEMETRY: 'true' },
  );
  for (const deadline = Date.now() + 100_000; Date.now() < deadline; await sleep(100))
    if (await fetch(`${url}/health`).catch(() => undefined)) return;
  server.process.kill();
  throw new Error(`MLflow did not start: ${(await server.ended).stderr}`);
});
afterAll(async () => {
  server.process.kill();
  await server.ended;
  rmSync(folder, { recursive: true });
});

let store: string;
beforeEach(() => {
  store = makeFolder();
  cpSync(join(sample, 'features'), join(store, 'features'), { recursive: true });
});

it('a run is recorded with its data, its scores and every loss by step', async () => {
  await train({ MLFLOW_TRACKING_URI: url, MLFLOW_EXPERIMENT_NAME: 'volumes' });
  const { experiment } = await ask(`experiments/get-by-name?experiment_name=volumes`);
  const { runs } = await ask('runs/search', { experiment_ids: [experiment.experiment_id] });
  expect(runs).toHaveLength(1);
  const [{ info, data }] = runs;
  expect(info).toMatchObject({ run_name: AS_OF, status: 'FINISHED' });
  const metrics = JSON.parse(readFileSync(join(store, 'models', AS_OF, 'metrics.json'), 'utf8'));
  const byKey = (pairs: { key: string; value: unknown }[]) =>
    Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
  expect(byKey(data.params)).toEqual({
    as_of: AS_OF,
    validation_from: metrics.validation_from,
    seed: '1',
    half_life: '8',
    median_from: '100000',
  });
  expect(byKey(data.tags)).toMatchObject({
    as_of: AS_OF,
    features_key: metrics.features_key,
    model_key: metrics.key,
    losses: join(store, 'logs/train', AS_OF, '1'),
  });
  expect(byKey(data.metrics)).toMatchObject({ mae: metrics.model.mae, coverage: metrics.coverage });
  for (const split of ['training', 'validation']) {
    const { metrics: history } = await ask(
      `metrics/get-history?run_id=${info.run_id}&metric_key=${split}_loss`,
    );
    const losses = readFileSync(join(store, 'models', AS_OF, 'losses.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((loss) => loss.split === split);
    const inOrder = history.sort((a: { step: number }, b: { step: number }) => a.step - b.step);
    expect(
      inOrder.map(({ step, value }: { step: number; value: number }) => ({ step: Number(step), value })),
    ).toEqual(losses.map(({ step, loss }) => ({ step, value: loss })));
  }
});

it('a server that is not there is warned of, shows no password, and changes nothing', async () => {
  const port = await freePort();
  const { stderr } = await train({
    MLFLOW_TRACKING_URI: `http://ana:word-in-address@127.0.0.1:${port}`,
    MLFLOW_TRACKING_PASSWORD: 'word-apart',
    MLFLOW_TRACKING_TOKEN: 'word-of-token',
  });
  expect(stderr).toContain(`"mlflow":"http://127.0.0.1:${port}/api/2.0/mlflow"`);
  expect(stderr).toContain('MLflow does not get this run; training goes on');
  expect(stderr).not.toContain('word-');
  expect(readFileSync(join(store, 'logs/train.log'), 'utf8')).not.toContain('word-');
  expect(existsSync(join(store, 'models', AS_OF, 'model.bin'))).toBe(true);
});

it('an address that is none is warned of, and the model is the same as without MLflow', async () => {
  const { stderr } = await train({ MLFLOW_TRACKING_URI: 'mlruns' });
  expect(stderr).toContain('MLFLOW_TRACKING_URI is no http or https address');
  const model = hashStore(store, 'models');
  const other = makeFolder();
  cpSync(join(sample, 'features'), join(other, 'features'), { recursive: true });
  await train({}, other);
  expect(hashStore(other, 'models')).toEqual(model);
});

it('a run that is told to stop is KILLED', async () => {
  const training = await startTraining({ MLFLOW_TRACKING_URI: url, MLFLOW_EXPERIMENT_NAME: 'stopped' });
  const told = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - told).toBeLessThan(3_000);
  expect(await statusesOf('stopped')).toEqual(['KILLED']);
});

it('a run that is told to stop before MLflow has told of it is KILLED', async () => {
  // Hands everything on, but keeps to itself what becomes of runs/create.
  let isMade = false;
  const proxy = await listen(async (path, body, response) => {
    const method = body === '' ? 'GET' : 'POST';
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'POST' && { body }),
    });
    if (path === 'runs/create') isMade = answer.ok;
    else response.writeHead(answer.status).end(await answer.text());
  });
  const training = startCli(['train', '--store', store], {
    MLFLOW_TRACKING_URI: proxy,
    MLFLOW_EXPERIMENT_NAME: 'stopped-early',
  });
  await until(() => isMade, 'a run in MLflow');
  const told = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - told).toBeLessThan(3_000);
  expect(await statusesOf('stopped-early')).toEqual(['KILLED']);
});

const ANSWERS: Record<string, string> = {
  'experiments/get-by-name': '{"experiment": {"experiment_id": "1"}}',
  'runs/create': '{"run": {"info": {"run_id": "7"}}}',
  'runs/log-batch': '{}',
};

it('a run of which MLflow refuses the losses is FINISHED all the same, once, and warned of once', async () => {
  const ends: unknown[] = [];
  const refusing = await listen((path, body, response) => {
    if (path === 'runs/update') ends.push(JSON.parse(body));
    response.writeHead(body.includes('"metrics"') ? 500 : 200).end(ANSWERS[endpointOf(path)] ?? '{}');
  });
  const { stderr } = await train({ MLFLOW_TRACKING_URI: refusing });
  expect(ends).toMatchObject([{ run_id: '7', status: 'FINISHED' }]);
  expect(stderr.match(/MLflow does not get this run/g)).toHaveLength(1);
});

it('a server that hangs does not keep a run that is told to stop', async () => {
  const asked: string[] = [];
  const hanging = await listen((path, _body, response) => {
    asked.push(path);
    const known = ANSWERS[endpointOf(path)];
    if (known) response.end(known);
  });
  const training = await startTraining({ MLFLOW_TRACKING_URI: hanging });
  const told = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - told).toBeLessThan(3_000);
  expect(asked).toContain('runs/update');
});

/** The address of a server that answers in MLflow's place, by the path below its API, with the query, and the body. */
async function listen(
  answer: (path: string, body: string, response: ServerResponse) => void | Promise<void>,
): Promise<string> {
  const server = createHttpServer(async (request, response) => {
    const [, path = ''] = /mlflow\/(.*)/.exec(request.url ?? '') ?? [];
    await answer(path, await text(request), response);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** A path without its query. */
function endpointOf(path: string): string {
  return path.split('?')[0] as string;
}

/** How the runs of an experiment stand. */
async function statusesOf(name: string): Promise<string[]> {
  const { experiment } = await ask(`experiments/get-by-name?experiment_name=${name}`);
  const { runs } = await ask('runs/search', { experiment_ids: [experiment.experiment_id] });
  return runs.map(({ info }: { info: { status: string } }) => info.status);
}

/** Starts to train on all of the sample, and waits until some losses are on the disk. */
async function startTraining(environment: Record<string, string>): Promise<Running> {
  const training = startCli(['train', '--store', store], environment);
  const folder = join(store, 'logs/train');
  await until(() => {
    const [asOf = ''] = existsSync(folder) ? readdirSync(folder) : [];
    const file = join(folder, asOf, '1/losses.csv');
    return existsSync(file) && readFileSync(file, 'utf8').split('\n').length > 10;
  }, 'training to take 10 steps');
  return training;
}

function train(environment: Record<string, string>, into = store) {
  return succeed(['train', '--store', into, '--as-of', AS_OF], environment);
}

/** Asks MLflow's REST API: GET without a body, else POST. */
// biome-ignore lint/suspicious/noExplicitAny: it is what the expectations look at
async function ask(path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
