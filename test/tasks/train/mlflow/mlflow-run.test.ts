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

it('a run is recorded with its parameters, its scores and every loss by step', async () => {
  await train({ MLFLOW_TRACKING_URI: url, MLFLOW_EXPERIMENT_NAME: 'volumes' });
  const { experiment } = await callApi(`experiments/get-by-name?experiment_name=volumes`);
  const { runs } = await callApi('runs/search', { experiment_ids: [experiment.experiment_id] });
  expect(runs).toHaveLength(1);
  const [{ info, data }] = runs;
  expect(info).toMatchObject({ run_name: AS_OF, status: 'FINISHED' });
  const metrics = JSON.parse(readFileSync(join(store, 'models', AS_OF, 'metrics.json'), 'utf8'));
  const byKey = (entries: { key: string; value: unknown }[]) =>
    Object.fromEntries(entries.map(({ key, value }) => [key, value]));
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
    const { metrics: history } = await callApi(
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

it('a server that is not there gives a warning without passwords, and training goes on', async () => {
  const port = await freePort();
  const { stderr } = await train({
    MLFLOW_TRACKING_URI: `http://ana:word-in-address@127.0.0.1:${port}`,
    MLFLOW_TRACKING_PASSWORD: 'word-apart',
    MLFLOW_TRACKING_TOKEN: 'word-of-token',
  });
  expect(stderr).toContain(`"mlflow":"http://127.0.0.1:${port}/api/2.0/mlflow"`);
  expect(stderr).toContain('MLflow does not record this run; training goes on');
  expect(stderr).not.toContain('word-');
  expect(readFileSync(join(store, 'logs/train.log'), 'utf8')).not.toContain('word-');
  expect(existsSync(join(store, 'models', AS_OF, 'model.bin'))).toBe(true);
});

it('an invalid address gives a warning, and the model is the same as without MLflow', async () => {
  const { stderr } = await train({ MLFLOW_TRACKING_URI: 'mlruns' });
  expect(stderr).toContain('MLFLOW_TRACKING_URI is not an http or https address');
  const model = hashStore(store, 'models');
  const other = makeFolder();
  cpSync(join(sample, 'features'), join(other, 'features'), { recursive: true });
  await train({}, other);
  expect(hashStore(other, 'models')).toEqual(model);
});

it('a run that is stopped is KILLED', async () => {
  const training = await startTraining({ MLFLOW_TRACKING_URI: url, MLFLOW_EXPERIMENT_NAME: 'stopped' });
  const stopped = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - stopped).toBeLessThan(3_000);
  expect(await statusesOf('stopped')).toEqual(['KILLED']);
});

it('a run that is stopped before MLflow has answered with its id is KILLED', async () => {
  // Forwards everything, but never answers runs/create.
  let isCreated = false;
  const proxy = await listen(async (path, body, response) => {
    const method = body === '' ? 'GET' : 'POST';
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'POST' && { body }),
    });
    if (path === 'runs/create') isCreated = answer.ok;
    else response.writeHead(answer.status).end(await answer.text());
  });
  const training = startCli(['train', '--store', store], {
    MLFLOW_TRACKING_URI: proxy,
    MLFLOW_EXPERIMENT_NAME: 'stopped-early',
  });
  await until(() => isCreated, 'a run in MLflow');
  const stopped = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - stopped).toBeLessThan(3_000);
  expect(await statusesOf('stopped-early')).toEqual(['KILLED']);
});

const ANSWERS: Record<string, string> = {
  'experiments/get-by-name': '{"experiment": {"experiment_id": "1"}}',
  'runs/create': '{"run": {"info": {"run_id": "7"}}}',
  'runs/log-batch': '{}',
};

it('a run whose losses MLflow refuses is still FINISHED, with one warning', async () => {
  const ends: unknown[] = [];
  const refusing = await listen((path, body, response) => {
    if (path === 'runs/update') ends.push(JSON.parse(body));
    response.writeHead(body.includes('"metrics"') ? 500 : 200).end(ANSWERS[endpointOf(path)] ?? '{}');
  });
  const { stderr } = await train({ MLFLOW_TRACKING_URI: refusing });
  expect(ends).toMatchObject([{ run_id: '7', status: 'FINISHED' }]);
  expect(stderr.match(/MLflow does not record this run/g)).toHaveLength(1);
});

it('a hanging server does not delay a run that is stopped', async () => {
  const requested: string[] = [];
  const hanging = await listen((path, _body, response) => {
    requested.push(path);
    const known = ANSWERS[endpointOf(path)];
    if (known) response.end(known);
  });
  const training = await startTraining({ MLFLOW_TRACKING_URI: hanging });
  const stopped = performance.now();
  training.process.kill('SIGTERM');
  expect(await training.ended).toMatchObject({ code: 143 });
  expect(performance.now() - stopped).toBeLessThan(3_000);
  expect(requested).toContain('runs/update');
});

/**
 * Starts a server in MLflow's place and returns its address.
 * @param answer receives the path below MLflow's API with the query, and the body
 */
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

/** The statuses of an experiment's runs. */
async function statusesOf(name: string): Promise<string[]> {
  const { experiment } = await callApi(`experiments/get-by-name?experiment_name=${name}`);
  const { runs } = await callApi('runs/search', { experiment_ids: [experiment.experiment_id] });
  return runs.map(({ info }: { info: { status: string } }) => info.status);
}

/** Starts training on the whole sample, and waits until some losses are on the disk. */
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

/** Calls MLflow's REST API: GET without a body, otherwise POST. */
// biome-ignore lint/suspicious/noExplicitAny: the expectations check its content
async function callApi(path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

/** A port that is not in use. */
async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
