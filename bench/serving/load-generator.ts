/**
 * Generates load on one server at 127.0.0.1, at its maximum or at a constant rate, and measures its
 * CPU time.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';

export const QUESTION = '/predict?vol_moving_avg=12345&adj_close_rolling_med=25';
/** The same with the parameters in the other order, which the fast path does not answer. */
export const SLOW_QUESTION = '/predict?adj_close_rolling_med=25&vol_moving_avg=12345';
export const CONNECTIONS = 32;

/** Result of a closed loop: each connection sends its next request as soon as it has the answer. */
export interface ClosedResult {
  /** Answers a second. */
  rate: number;
  /** CPU cores used by the server with its workers, and by the load generator. */
  serverCpu: number;
  generatorCpu: number;
  /** Microseconds of the server's CPU for each answer. */
  cpuMicros: number;
}

/** Runs wrk with one thread. @throws Error if an answer was not a 200 */
export async function closedLoop(
  url: string,
  pid: number,
  seconds: number,
  question = QUESTION,
): Promise<ClosedResult> {
  const [server, children] = [cpuOf(pid), childrenCpu()];
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, url + question];
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of wrk.stdout) text += chunk;
  if (wrk.exitCode === null) await new Promise((resolve) => wrk.once('close', resolve));
  const failure = /^ *(Socket errors|Non-2xx).*/m.exec(text);
  if (failure || wrk.exitCode !== 0)
    throw new Error(`${url}: ${failure?.[0] ?? `wrk ended with ${wrk.exitCode}`}`);
  const [, answers, span] = /(\d+) requests in ([\d.]+)s/.exec(text) ?? [];
  if (answers === undefined) throw new Error(`wrk printed: ${text}`);
  const [spent, generator] = [cpuOf(pid) - server, childrenCpu() - children];
  return {
    rate: Number(answers) / Number(span),
    serverCpu: spent / Number(span),
    generatorCpu: generator / Number(span),
    cpuMicros: (spent * 1e6) / Number(answers),
  };
}

/**
 * Result of an open loop. Latencies are milliseconds from when a request was due until its answer.
 */
export interface OpenResult {
  /** Requests a second that were due, and answers a second. */
  rate: number;
  reached: number;
  percentiles: Record<'p50' | 'p90' | 'p99' | 'p99.9' | 'max', number>;
  /**
   * 99th percentile of the load generator's own delay in milliseconds; the latencies include it.
   */
  late: number;
}

/**
 * Sends requests at a constant rate, even if earlier ones have no answer yet. A request without a
 * free connection waits for one. Latency starts when the request was due, so that a stall of the
 * server counts in full.
 */
export async function openLoop(url: string, rate: number, seconds: number): Promise<OpenResult> {
  const total = Math.round(rate * seconds);
  const [latencies, lateness] = [new Float64Array(total), new Float64Array(total)];
  let [sent, answered, failure] = [0, 0, ''];
  const onAnswer = (client: Client) => {
    latencies[answered++] = performance.now() - client.dueMs;
    free.push(client);
  };
  const onFailure = (message: string) => {
    failure = message;
  };
  const clients = await Promise.all(
    Array.from({ length: 2 * CONNECTIONS }, () => connectClient(url, onAnswer, onFailure)),
  );
  const free = [...clients];
  const start = performance.now();
  let lastCheck = start;
  const deadline = start + seconds * 1_000 + 10_000;
  while (answered < total && !failure) {
    const now = performance.now();
    if (now > deadline) throw new Error(`${url}: ${answered} of ${total} answers after ${seconds + 10} s`);
    const dueMs = () => start + (sent * 1_000) / rate;
    for (let due = dueMs(); sent < total && due <= now; due = dueMs()) {
      const client = free.shift();
      if (!client) break;
      // Before the last check it waited for a free connection, which is not the generator's delay.
      lateness[sent++] = performance.now() - Math.max(due, lastCheck);
      client.ask(due);
    }
    lastCheck = now;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const took = (performance.now() - start) / 1_000;
  for (const { socket } of clients) socket.destroy();
  if (failure) throw new Error(`${url}: ${failure}`);
  return summarizeOpen(rate, total / took, latencies.sort(), lateness.sort());
}

/** One connection of the open loop. */
interface Client {
  socket: Socket;
  /** When the request in flight was due. */
  dueMs: number;
  ask(dueMs: number): void;
}

function connectClient(
  url: string,
  onAnswer: (client: Client) => void,
  onFailure: (message: string) => void,
): Promise<Client> {
  const { hostname, port } = new URL(url);
  const request = `GET ${QUESTION} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  const socket = createConnection(Number(port), hostname).setNoDelay(true);
  const client: Client = {
    ...{ socket, dueMs: 0 },
    ask(dueMs) {
      client.dueMs = dueMs;
      socket.write(request);
    },
  };
  let text = '';
  socket.on('error', ({ message }) => onFailure(message));
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (text.length < end + 4 + length) return;
    if (!text.startsWith('HTTP/1.1 200 ')) onFailure(text.slice(0, 80));
    text = '';
    onAnswer(client);
  });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(client)).once('error', reject);
  });
}

/** @param latencies and lateness in ascending order */
function summarizeOpen(
  rate: number,
  reached: number,
  latencies: Float64Array,
  lateness: Float64Array,
): OpenResult {
  const at = (values: Float64Array, share: number) =>
    values[Math.min(values.length - 1, Math.floor(share * values.length))] as number;
  return {
    rate,
    reached,
    percentiles: {
      p50: at(latencies, 0.5),
      p90: at(latencies, 0.9),
      p99: at(latencies, 0.99),
      'p99.9': at(latencies, 0.999),
      max: at(latencies, 1),
    },
    late: at(lateness, 0.99),
  };
}

/** CPU seconds of a process and its children. Linux counts in hundredths. */
export function cpuOf(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  const [user, system] = statOf(pid);
  return (user + system) / 100 + children.reduce((sum, child) => sum + cpuOf(Number(child)), 0);
}

/** CPU seconds of the ended children of this process. */
function childrenCpu(): number {
  const [, , user, system] = statOf('self');
  return (user + system) / 100;
}

function statOf(
  pid: number | string,
): [user: number, system: number, childUser: number, childSystem: number] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).map(Number) as [number, number, number, number];
}
