/**
 * Where the time of a request goes: by V8's profiler under load, and for each part measured alone.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tanh } from '../../model/arithmetic.ts';
import { prepare } from '../../serving/champion/model-source.ts';
import { matchUsualSpelling } from '../../serving/http/fast-path.ts';
import { createMetrics } from '../../serving/metrics/metrics.ts';
import { Drift } from '../../serving/scoring/drift.ts';
import { Shadow } from '../../serving/scoring/shadow.ts';
import { QUESTION } from './load-generator.ts';
import { startServer } from './server-processes.ts';

/** Parts of the server by the file of a function. The functions of no such file are Node's. */
const PARTS: [part: string, file: RegExp][] = [
  ['inference', /model\/(predictor|arithmetic)\.ts$/],
  [
    'metrics, drift, shadow',
    /serving\/(metrics\/.*|scoring\/(drift|shadow)|champion\/champion-watcher)\.ts$/,
  ],
  ['parsing, headers, ids, the rest of ours', /serving\/|@hono|prom-client/],
  ['node:http and streams, JavaScript', /^node:/],
];
const NATIVE = 'sockets, parser, kernel (native)';
const COLLECTION = 'garbage collection';

interface Profile {
  /** Microseconds. */
  startTime: number;
  endTime: number;
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
}

/**
 * Shares of a server's busy time by part in its last seconds, from the profile that it wrote when
 * it ended.
 */
export function sharesOf(folder: string, seconds: number): Record<string, number> {
  const [name = ''] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const { nodes, samples, timeDeltas, startTime, endTime }: Profile = JSON.parse(
    readFileSync(join(folder, name), 'utf8'),
  );
  const partById = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const times: Record<string, number> = {};
  let at = startTime;
  for (const [i, id] of samples.entries()) {
    at += timeDeltas[i] as number;
    const key = partById.get(id);
    if (key && at > endTime - seconds * 1e6) times[key] = (times[key] ?? 0) + (timeDeltas[i] as number);
  }
  const total = Object.values(times).reduce((sum, time) => sum + time, 0);
  return Object.fromEntries(
    [...PARTS.map(([part]) => part), NATIVE, COLLECTION].map((key) => [key, (times[key] ?? 0) / total]),
  );
}

function partOf({ functionName, url }: Profile['nodes'][0]['callFrame']): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return COLLECTION;
  return PARTS.find(([, file]) => file.test(url))?.[0] ?? NATIVE;
}

/** Nanoseconds of each part of an answer, measured alone, compiled and warm. */
export function timeParts(file: string): Record<string, number> {
  const current = prepare(readFileSync(file));
  const service = { current };
  const shadow = new Shadow();
  const drift = new Drift(current.model.density);
  const series = createMetrics({ service, drift, shadow, rows: 0, requests: 0 }).durations(
    'GET',
    '/predict',
    200,
  );
  const hidden = current.model.layers.slice(0, -1).reduce((sum, { bias }) => sum + bias.length, 0);
  return {
    inference: time((i) => current.predictor.predict(i, 25).point),
    [`of which ${hidden} times tanh`]: time((i) => {
      let sum = 0;
      for (let j = 0; j < hidden; j++) sum += tanh((i % 100) / 50 + j / 64);
      return sum;
    }),
    'parsing the query': time((i) => matchUsualSpelling(`${QUESTION}${i % 10}`)?.[1] ?? 0),
    'counting the duration': time((i) => {
      const start = performance.now();
      series.observe((performance.now() - start) / 1_000);
      return i;
    }),
    drift: time((i) => {
      drift.observe(i, 25);
      return i;
    }),
  };
}

function time(work: (i: number) => number): number {
  const [rounds, size] = [7, 50_000];
  let sum = 0;
  const runs = Array.from({ length: rounds }, () => {
    const start = performance.now();
    for (let i = 0; i < size; i++) sum += work(i);
    return ((performance.now() - start) * 1e6) / size;
  });
  if (Number.isNaN(sum)) throw new Error('a part returned NaN');
  return Math.round(median(runs));
}

/**
 * Milliseconds to read, verify and prepare a model: the first time in a process, and once compiled.
 */
export function timeModelLoad(file: string): { first: number; later: number; golden: number; bytes: number } {
  const load = () => {
    const start = performance.now();
    prepare(readFileSync(file));
    return performance.now() - start;
  };
  const first = load();
  const later = median(Array.from({ length: 50 }, load));
  const { predictor } = prepare(readFileSync(file));
  const golden = median(
    Array.from({ length: 50 }, () => {
      const start = performance.now();
      for (let i = 0; i < 25; i++) predictor.predict(i * 1_000, i);
      return performance.now() - start;
    }),
  );
  return { first, later, golden, bytes: readFileSync(file).length };
}

/**
 * Milliseconds from the start of a server's process until it is ready to predict; the median of
 * five.
 */
export async function timeStart(store: string): Promise<number> {
  const runs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    const { url, stop } = await startServer(process.execPath, ['serving/server.ts'], { STORE: store });
    if (!(await fetch(`${url}/health/ready`)).ok) throw new Error('the server listens but is not ready');
    runs.push(performance.now() - start);
    await stop();
  }
  return median(runs);
}

/** Runs the work with a temporary folder. */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
