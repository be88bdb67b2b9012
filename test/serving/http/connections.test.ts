import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../support/command.ts';
import {
  countFailures,
  PREDICT_PATH,
  residentBytes,
  startDoublingServer,
  type TestServer,
} from '../../support/test-server.ts';

const IDLE = 10_000;
const CLIENTS = fileURLToPath(new URL('../../support/idle-clients.ts', import.meta.url));

it(`answers beside ${IDLE} idle connections within a memory bound, and frees that memory`, async () => {
  const server = await startDoublingServer({ HEADERS_TIMEOUT_MS: '600000', REQUEST_TIMEOUT_MS: '600000' });
  expectFileLimit(server.running.process.pid as number);
  await askOften(server.url);
  // V8 keeps the heap that it grew, and grows it in two steps.
  for (let step = 1; step < 3; step++) await withIdle(server, IDLE, () => askOften(server.url));
  const before = residentBytes(server.running);
  const { latency, during } = await withIdle(server, IDLE, async () => ({
    latency: await askOften(server.url),
    during: residentBytes(server.running),
  }));
  await until(() => residentBytes(server.running) - before < 48 * 2 ** 20, 'the memory to be as before');
  expect(during - before).toBeLessThan(96 * 2 ** 20);
  expect(latency.median).toBeLessThan(100);
  expect(await countFailures(server.url)).toBe(0);
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  process.stderr.write(
    `${IDLE} idle connections: memory ${mib(before)} MiB before, ${mib(during)} during, ${mib(residentBytes(server.running))} after; the median of 200 answers meanwhile took ${latency.median.toFixed(0)} ms, the slowest ${latency.max.toFixed(0)} ms\n`,
  );
}, 180_000);

it.each([
  ['headers', 'GET /predict HTTP/1.1\r\nHost: a\r\n', 'X: y\r\n', { HEADERS_TIMEOUT_MS: '3000' }],
  [
    'a body',
    'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
    ' ',
    { REQUEST_TIMEOUT_MS: '3000' },
  ],
  [
    'an Arrow stream',
    'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/vnd.apache.arrow.stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n\xff\xff\xff\xff\xff\0\0\0\r\n',
    '1\r\n\xff\r\n',
    { REQUEST_TIMEOUT_MS: '3000' },
  ],
])(
  'answers 408 to 100 clients that send %s slowly, and answers others meanwhile',
  async (_, head, piece, limits) => {
    const { port, url, log } = await startDoublingServer(limits);
    const answers = Array.from({ length: 100 }, () => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (data) => (text += data)).on('error', () => {});
      socket.write(head, 'latin1');
      const timer = setInterval(() => socket.write(piece, 'latin1'), 50);
      return new Promise<string>((resolve) =>
        socket.on('close', () => {
          clearInterval(timer);
          resolve(text);
        }),
      );
    });
    expect((await askOften(url)).median).toBeLessThan(100);
    for (const text of await Promise.all(answers)) {
      expect(text).toMatch(/^HTTP\/1\.1 408 /);
      expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 408 });
    }
    expect(await (await fetch(url + PREDICT_PATH)).text()).toBe('24691');
    expect(log()).not.toContain('"level":"error"');
  },
);

it('stays up when a thousand clients leave before their answers', async () => {
  const { running, port, url, log } = await startDoublingServer();
  const rows = Array(2_000).fill('{"vol_moving_avg":1,"adj_close_rolling_med":1}').join();
  const body = `{"instances":[${rows}]}`;
  const head = `POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const leave = async (length: number) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write((head + body).slice(0, length), () => socket.resetAndDestroy());
    await once(socket, 'close');
  };
  await leave(head.length + body.length);
  const before = residentBytes(running);
  for (let i = 0; i < 1_000; i += 20)
    await Promise.all(
      Array.from({ length: 20 }, (_, j) => leave(((i + j) * (head.length + body.length)) / 999)),
    );
  expect(await (await fetch(url + PREDICT_PATH)).text()).toBe('24691');
  await until(() => residentBytes(running) - before < 96 * 2 ** 20, 'the memory to be as before');
  expect(await countFailures(url)).toBe(0);
  expect(log()).not.toContain('"level":"error"');
});

/** Node raises its soft limit of open files to the hard one. */
function expectFileLimit(pid: number): void {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  const hard = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (hard < IDLE + 200)
    throw new Error(
      `a process can open ${hard} files here, and this test needs ${IDLE + 200}; raise the hard limit (ulimit -Hn)`,
    );
}

async function withIdle<T>({ port }: TestServer, count: number, work: () => Promise<T>): Promise<T> {
  const clients = spawn(process.execPath, [CLIENTS, String(port), String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void clients.kill('SIGKILL'));
  const lines = createInterface(clients.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe(`open ${count}`);
  const result = await work();
  clients.stdin.end();
  expect((await lines.next()).value).toBe('closed, 0 lost before');
  await once(clients, 'close');
  return result;
}

/** Sends 200 requests, each on a new connection. Returns latencies in milliseconds. */
async function askOften(url: string): Promise<{ median: number; max: number }> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    const answer = await fetch(url + PREDICT_PATH, { headers: { connection: 'close' } });
    expect(await answer.text()).toBe('24691');
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { median: times[100] as number, max: times[199] as number };
}
