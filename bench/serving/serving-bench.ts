/**
 * Compares the server with plain node:http, Fastify and FastAPI in one run: a closed loop for the
 * rate, an open loop for the latency, and where the time goes. ROUNDS and SECONDS make it longer;
 * STORE names a store whose model to serve.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeModel, encodeModel } from '../../model/model-file.ts';
import { dense, modelOf } from '../../test/support/tiny-model.ts';
import {
  CONNECTIONS,
  closedLoop,
  type OpenResult,
  openLoop,
  QUESTION,
  SLOW_QUESTION,
} from './load-generator.ts';
import { measurePauses } from './machine-pauses.ts';
import {
  median,
  sharesOf,
  timeModelLoad,
  timeParts,
  timeStart,
  withTemporaryFolder,
} from './request-breakdown.ts';
import { type Started, startServer, stopAll } from './server-processes.ts';
import { ALIKE, formatServing, OURS, OURS_SLOW, PLAIN, type Result, writePlots } from './serving-tables.ts';

const ROUNDS = Number(process.env.ROUNDS || 3);
const SECONDS = Number(process.env.SECONDS || 2);
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const store = mkdtempSync(join(tmpdir(), 'bench-serving-'));
const model = join(store, 'model.bin');
const node = process.execPath;
const host = {
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  node: process.version,
  loadBefore: loadavg()[0] ?? 0,
};
const run = { rounds: ROUNDS, seconds: SECONDS, connections: CONNECTIONS };
const result: Result = { host, ...run, ...(await measure()) };
writeFileSync(join(RESULTS, 'serving.json'), `${JSON.stringify(result, null, 2)}\n`);
writeFileSync(join(RESULTS, 'serving.md'), formatServing(result));
writePlots(RESULTS, result);
process.stdout.write(formatServing(result));

async function measure(): Promise<Omit<Result, 'host' | keyof typeof run>> {
  try {
    const shape = putModel();
    const loading = timeModelLoad(model);
    const start = await timeStart(store);
    const server = (args: string[], environment: Record<string, string> = {}) =>
      startServer(node, args, { STORE: store, SHADOW: 'off', ...environment });
    const ours = await server(['serving/server.ts']);
    const body = await (await fetch(ours.url + QUESTION)).text();
    const version = (await fetch(ours.url + QUESTION)).headers.get('x-model-version') ?? '';
    const plain = await server(['bench/serving/node-http-server.ts'], { BODY: body, VERSION: version });
    const alike = await server(['bench/serving/node-http-server.ts'], {
      BODY: body,
      VERSION: version,
      OPTIONS: 'ours',
    });
    await expectSame(ours.url, plain.url);
    await expectSame(ours.url, alike.url);
    const servers: Record<string, Started> = {
      [PLAIN]: plain,
      [ALIKE]: alike,
      [OURS]: ours,
      [OURS_SLOW]: ours,
      'ours, 2 workers': await server(['serving/server.ts', '--workers', '2']),
      Fastify: await server(['bench/serving/fastify-server.ts'], { VERSION: version }),
      'FastAPI, RandomForest(100)': await startServer(
        '.venv/bin/python',
        ['bench/serving/fastapi_server.py'],
        {},
      ),
    };
    const closed = await measureRates(servers);
    const maxRate = median((closed[OURS] ?? []).map(({ rate }) => rate));
    const open = await measureLatencies({ [ALIKE]: alike, [OURS]: ours }, maxRate);
    for (const { stop } of new Set(Object.values(servers))) await stop();
    const pauses = await measurePauses(ROUNDS * SECONDS);
    const shares = await withTemporaryFolder(async (folder) => {
      const profiled = await server(['--cpu-prof', `--cpu-prof-dir=${folder}`, 'serving/server.ts']);
      await closedLoop(profiled.url, profiled.pid, 1 + SECONDS);
      await profiled.stop();
      return sharesOf(folder, SECONDS);
    });
    return { model: shape, closed, open, pauses, shares, alone: timeParts(model), loading, start };
  } finally {
    stopAll();
    rmSync(store, { recursive: true });
  }
}

/** Closed loops, server by server in each round. */
async function measureRates(servers: Record<string, Started>): Promise<Result['closed']> {
  const closed: Result['closed'] = {};
  const load = (name: string, { url, pid }: Started, seconds: number) =>
    closedLoop(url, pid, seconds, name === OURS_SLOW ? SLOW_QUESTION : QUESTION);
  for (const [name, server] of Object.entries(servers)) await load(name, server, 1);
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, server] of Object.entries(servers))
      closed[name] = [...(closed[name] ?? []), await load(name, server, SECONDS)];
  return closed;
}

/** Open loops at shares of the maximum rate, server by server in each round. */
async function measureLatencies(servers: Record<string, Started>, maxRate: number): Promise<Result['open']> {
  const open: Result['open'] = [];
  for (const { url } of Object.values(servers)) await openLoop(url, maxRate / 4, 1);
  for (const share of [0.5, 0.7, 0.9]) {
    const runs: Record<string, OpenResult[]> = {};
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, { url }] of Object.entries(servers))
        runs[name] = [...(runs[name] ?? []), await openLoop(url, Math.round(share * maxRate), SECONDS)];
    for (const [server, all] of Object.entries(runs)) open.push({ share, server, runs: all });
  }
  return open;
}

/**
 * Copies the model of STORE, or writes one of the same shape with made-up weights. Returns its
 * description.
 */
function putModel(): string {
  const trained = process.env.STORE && join(process.env.STORE, 'model.bin');
  if (trained) {
    if (!existsSync(trained))
      throw new Error(`${trained}: there is no model. Run make pipeline, or leave STORE out`);
    copyFileSync(trained, model);
    const { layers, asOf } = decodeModel(readFileSync(trained));
    return `${[2, ...layers.map(({ bias }) => bias.length)].join('-')}, trained as of ${asOf}`;
  }
  const wide = (rows: number, columns: number) =>
    dense(
      Array.from({ length: rows }, (_, i) =>
        Array.from({ length: columns }, (_, j) => Math.sin(i * columns + j)),
      ),
      Array(columns).fill(0.1),
    );
  writeFileSync(model, encodeModel(modelOf([wide(2, 32), wide(32, 32), wide(32, 4)])));
  return '2-32-32-4, made-up weights';
}

/** Checks that two servers answer the same. Ids and dates differ, their lengths do not. */
async function expectSame(...urls: [string, string]): Promise<void> {
  const [one, other] = await Promise.all(
    urls.map(async (url) => {
      const answer = await fetch(url + QUESTION);
      const headers = [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
      return JSON.stringify([answer.status, headers, await answer.text()]);
    }),
  );
  if (one !== other) throw new Error(`answers differ: ${one} and ${other}`);
}
