/** Servers in their own processes, and requests to them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { type Running, start, until } from './command.ts';
import { makeFolder } from './fixtures.ts';
import { constantModel } from './tiny-model.ts';

/** A request in the usual spelling. A doubling server answers 24691. */
export const PREDICT_PATH = '/predict?vol_moving_avg=12345&adj_close_rolling_med=25';

export interface TestServer {
  running: Running;
  url: string;
  port: number;
  /** What the server has written to standard error so far. */
  log(): string;
}

/** Starts the server on a free port. It is killed after the test. */
export function runServer(store: string, environment: Record<string, string> = {}): Running {
  const running = start(process.execPath, ['serving/server.ts'], { STORE: store, PORT: '0', ...environment });
  onTestFinished(() => void running.process.kill('SIGKILL'));
  return running;
}

/** Starts the server and waits until it listens. */
export async function startServer(store: string, environment?: Record<string, string>): Promise<TestServer> {
  const running = runServer(store, environment);
  let log = '';
  running.process.stderr?.on('data', (data) => (log += data));
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(log)?.[0], 'the server to listen');
  return { running, url, port: Number(new URL(url).port), log: () => log };
}

/** Starts a server whose model predicts 2 (1 + vol_moving_avg) - 1. */
export async function startDoublingServer(environment?: Record<string, string>): Promise<TestServer> {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
  return startServer(store, environment);
}

/** Sends bytes as they are, and returns what arrives until the connection closes. */
export function sendRaw(port: number, text: string, isEnded = true): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data));
  if (isEnded) socket.end(text, 'latin1');
  else socket.write(text, 'latin1');
  return new Promise((resolve, reject) => socket.on('close', () => resolve(answer)).on('error', reject));
}

/** Sends a request whose path is not normalized, unlike with fetch. */
export function send(
  url: string,
  [method, path, type, body]: readonly [string, string, string, Uint8Array, ...unknown[]],
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { ...(type && { 'content-type': type }), 'content-length': body.length };
    const { hostname, port } = new URL(url);
    const sent = request({ hostname, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.on('error', reject).end(body);
  });
}

/** The resident memory of a process. */
export function residentBytes({ process: { pid } }: Running): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** The number of responses with a status of 500 or more, by the server's own metrics. */
export async function countFailures(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const lines = metrics.matchAll(
    /^http_server_request_duration_seconds_count\{.*status_code="5.*"\} (\d+)$/gm,
  );
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}
