/**
 * The server beside plain node:http, Fastify and FastAPI, in one run: closed loop for the rate, open loop for the latency.
 * ROUNDS and SECONDS make it longer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../serving/model.ts';
import { createPredictor } from '../serving/predictor.ts';
import { dense, modelOf } from '../test/tiny-model.ts';

interface Load {
  requests: { average: number };
  latency: { p50: number; p99: number; p99_9: number };
  errors: number;
  non2xx: number;
}

const ROUNDS = Number(process.env.ROUNDS || 3);
const SECONDS = Number(process.env.SECONDS || 2);
const GENERATOR = 'autocannon 9.0.0, 32 connections, on the same host';
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const AUTOCANNON = fileURLToPath(new URL('../node_modules/autocannon/autocannon.js', import.meta.url));
const QUESTION = '/predict?vol_moving_avg=12345&adj_close_rolling_med=25';

const wide = (rows: number, columns: number) =>
  dense(
    Array.from({ length: rows }, (_, i) =>
      Array.from({ length: columns }, (_, j) => Math.sin(i * columns + j)),
    ),
    Array(columns).fill(0.1),
  );
const model = modelOf([wide(2, 32), wide(32, 32), wide(32, 4)]);
const store = mkdtempSync(join(tmpdir(), 'bench-serving-'));
writeFileSync(join(store, 'model.bin'), encodeModel(model));

const node = process.execPath;
const running: ChildProcess[] = [];
try {
  const ours = await listen(node, 'serving/server.ts', { WORKERS: '1' });
  const body = await (await fetch(ours + QUESTION)).text();
  const raw = await listen(node, 'bench/raw-server.ts', { BODY: body });
  await expectSame(ours, raw);
  const servers: Record<string, string> = {
    'node:http': raw,
    'ours, 1 worker': ours,
    'ours, 2 workers': await listen(node, 'serving/server.ts', { WORKERS: '2' }),
    Fastify: await listen(node, 'bench/fastify-server.ts', {}),
    'FastAPI, RandomForest(100)': await listen('.venv/bin/python', 'bench/fastapi_server.py', {}),
  };
  const closed: Record<string, number[]> = {};
  for (const url of Object.values(servers)) await load(url, ['-d', '1']);
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, url] of Object.entries(servers))
      closed[name] = [...(closed[name] ?? []), (await load(url, ['-d', String(SECONDS)])).requests.average];
  const rates = Object.fromEntries(Object.entries(closed).map(([name, runs]) => [name, median(runs)]));
  const open: { share: number; rate: number; reached: number; p50: number; p99: number; p99_9: number }[] =
    [];
  for (const share of [0.5, 0.7, 0.9]) {
    const rate = Math.round(share * (rates['ours, 1 worker'] as number));
    const { latency, requests } = await load(ours, ['-d', '5', '-R', String(rate)]);
    open.push({ share, rate, reached: requests.average, ...pick(latency) });
  }
  const predict = createPredictor(model);
  const began = performance.now();
  for (let i = 0; i < 300_000; i++) predict(i, 25);
  const inferenceNs = Math.round(((performance.now() - began) * 1e6) / 300_000);
  const result = {
    host: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
    generator: GENERATOR,
    model: '2-32-32-4, tanh',
    ...{ closed, rates, open, inferenceNs },
  };
  writeFileSync(join(RESULTS, 'serving.json'), `${JSON.stringify(result, null, 2)}\n`);
  const text = `| server | requests/s, median of ${ROUNDS} | of node:http |
|---|--:|--:|
${Object.entries(rates)
  .map(
    ([name, rate]) =>
      `| ${name} | ${Math.round(rate)} | ${(rate / (rates['node:http'] as number)).toFixed(2)} |`,
  )
  .join('\n')}

| open loop, 1 worker | asked/s | reached/s | p50 ms | p99 ms | p99.9 ms |
|---|--:|--:|--:|--:|--:|
${open.map((o) => `| ${o.share * 100} % | ${o.rate} | ${Math.round(o.reached)} | ${o.p50} | ${o.p99} | ${o.p99_9} |`).join('\n')}

Inference alone: ${inferenceNs} ns (${result.model}). ${result.host.cores} cores, ${result.host.cpu}, Node ${result.host.node}; ${result.generator}.
`;
  writeFileSync(join(RESULTS, 'serving.md'), text);
  process.stdout.write(text);
} finally {
  for (const child of running) child.kill('SIGTERM');
  rmSync(store, { recursive: true });
}

async function listen(program: string, file: string, env: Record<string, string>): Promise<string> {
  const child = spawn(program, [file], {
    env: { PATH: process.env.PATH, STORE: store, PORT: '0', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.push(child);
  if (!child.stderr) throw new Error(`${file}: no standard error`);
  for await (const line of createInterface(child.stderr)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url) return url;
  }
  throw new Error(`${file} ended before it listened`);
}

/** Two servers are only compared if they answer the same; ids and the date differ, their lengths do not. */
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

async function load(url: string, args: string[]): Promise<Load> {
  const child = spawn(process.execPath, [AUTOCANNON, '-j', '-n', '-c', '32', ...args, url + QUESTION], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  const load: Load = JSON.parse(text);
  if (load.errors + load.non2xx > 0)
    throw new Error(`${url}: ${load.errors} errors, ${load.non2xx} bad answers`);
  return load;
}

function pick({ p50, p99, p99_9 }: Load['latency']) {
  return { p50, p99, p99_9 };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
