import { gzipSync } from 'node:zlib';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { expect, it } from 'vitest';
import { ARROW, type BadRequest, badRequests } from '../../support/bad-requests.ts';
import {
  countFailures,
  PREDICT_PATH,
  residentBytes,
  send,
  sendRaw,
  startDoublingServer,
} from '../../support/test-server.ts';

const MAX_ROUNDS = 40;
/** Number of consecutive rounds in which memory must not rise. */
const FLAT_ROUNDS = 4;
/** Bytes that count as a rise: 2 kB for each request of a round. */
const MIN_RISE = 2 ** 20;

it('refuses hundreds of bad requests with the right status, and its memory does not grow', async () => {
  const { running, url, log } = await startDoublingServer();
  const requests = badRequests();
  expect(requests.length).toBeGreaterThanOrEqual(450);
  let [highest, flat, rounds] = [0, 0, 0];
  for (; flat < FLAT_ROUNDS && rounds < MAX_ROUNDS; rounds++) {
    await sendAll(url, requests);
    const bytes = residentBytes(running);
    flat = bytes > highest + MIN_RISE ? 0 : flat + 1;
    highest = Math.max(highest, bytes);
  }
  expect(flat).toBe(FLAT_ROUNDS);
  expect(await (await fetch(url + PREDICT_PATH)).text()).toBe('24691');
  expect(await countFailures(url)).toBe(0);
  expect(log()).not.toContain('"level":"error"');
  process.stderr.write(
    `${requests.length} bad requests, ${rounds} times each: all refused; memory did not rise in the last ${FLAT_ROUNDS} rounds\n`,
  );
}, 60_000);

it('answers an Arrow stream with any one byte flipped, refuses it, or aborts the answer', async () => {
  const { url, log } = await startDoublingServer();
  const row = { vol_moving_avg: Float64Array.of(12_345), adj_close_rolling_med: Float64Array.of(25) };
  const valid = Buffer.from(tableToIPC(tableFromArrays(row), 'stream'));
  const counts: Record<string, number> = {};
  for (let at = 0; at < valid.length; at++) {
    const flipped = Buffer.from(valid);
    flipped[at] = ~(valid[at] as number);
    const outcome = await send(url, ['POST', '/predict', ARROW, flipped]).then(
      ({ status }) => status,
      ({ code }) => code,
    );
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  expect(
    Object.keys(counts).filter((outcome) => !['200', '400', '413', 'ECONNRESET'].includes(outcome)),
  ).toEqual([]);
  expect(counts[400]).toBeGreaterThan(100);
  // Without the end-of-stream marker. By the time that shows, the answer has begun.
  const unended = send(url, ['POST', '/predict', ARROW, valid.subarray(0, -8)]);
  await expect(unended).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(await (await fetch(url + PREDICT_PATH)).text()).toBe('24691');
  expect(log()).not.toContain('"level":"error"');
});

it('answers pipelined requests in their order, good and bad ones in turn', async () => {
  const { port } = await startDoublingServer();
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const text = await sendRaw(port, `${ask(PREDICT_PATH)}${ask('/predict?vol_moving_avg=x')}`.repeat(200));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  expect(statuses).toEqual(Array.from({ length: 400 }, (_, index) => (index % 2 ? '400' : '200')));
  expect(text.match(/\r\n\r\n24691(?=HTTP)/g)).toHaveLength(200);
});

const CHUNKED =
  'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n';

it.each([
  ['text that is not HTTP', 'hello\r\n\r\n', 400],
  ['an unknown method', 'BREW /predict HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a method in lower case', 'get /predict HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a request for a proxy', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['a null byte in the path', 'GET /pre\0dict HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a path without /', 'GET predict HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an asterisk as the path', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a backslash in the path', 'GET /..\\predict HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a path that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ['headers that are too long', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['too many headers', `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(5_000)}\r\n`, 431],
  ['another version of HTTP', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n', 400],
  ['an invalid Host', 'GET / HTTP/1.1\r\nHost: a b<>\r\n\r\n', 400],
  [
    'two Hosts',
    'GET /predict?vol_moving_avg=1&adj_close_rolling_med=1 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
    400,
  ],
  ['a null byte in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', 400],
  ['a blank before a colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['an expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n', 417],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
  ['a negative length', 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400],
  ['a length and chunks', `${CHUNKED}Content-Length: 1\r\n\r\n0\r\n\r\n`, 400],
  ['an invalid chunk', `${CHUNKED}\r\nzz\r\n`, 400],
  [
    'a body that ends early',
    'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}',
    400,
  ],
])('refuses %s', async (_, text, status) => {
  const { port, url, log } = await startDoublingServer({ CORS_ORIGIN: '*' });
  const [head = '', body = ''] = (await sendRaw(port, text)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toMatch(/^content-type: application\/problem\+json/im);
  expect(head).toMatch(/^x-request-id: [\da-f]{12}-\d+\r$/im);
  expect(head).toMatch(/^x-model-version: 2020-01-01\r$/im);
  expect(head).toMatch(/^x-content-type-options: nosniff\r$/im);
  expect(head).toMatch(/^access-control-allow-origin: \*\r$/im);
  expect(Number(/^content-length: (\d+)\r$/im.exec(head)?.[1])).toBe(body.length);
  expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String) });
  expect(await (await fetch(url + PREDICT_PATH)).text()).toBe('24691');
  expect(log()).not.toContain('"level":"error"');
});

it('logs a request that node:http refuses, with the id in the answer', async () => {
  const { port, running } = await startDoublingServer({ ACCESS_LOG: '1' });
  let written = '';
  running.process.stdout?.on('data', (data) => (written += data));
  const answer = await sendRaw(port, 'hello\r\n\r\n');
  const id = /^X-Request-Id: (.*)\r$/m.exec(answer)?.[1];
  await expect.poll(() => written).not.toBe('');
  expect(JSON.parse(written)).toEqual({
    ...{ method: '_OTHER', path: '', status: 400, seconds: 0 },
    ...{ request_id: id, timestamp: expect.any(String) },
  });
});

it.each([
  ['/predict', 'application/json', '{"instances":[{"vol_moving_avg":1,"adj_close_rolling_med":1}]}'],
  ['/predict', ARROW, 'any'],
  ['/v2/models/volume/infer', 'application/json', '{"inputs":[]}'],
])('refuses a gzipped body to %s of %s with a 415 that names Content-Encoding', async (path, type, text) => {
  const { url } = await startDoublingServer();
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': type, 'content-encoding': 'gzip' },
    body: gzipSync(text),
  });
  expect(answer.status).toBe(415);
  expect(answer.headers.get('accept-encoding')).toBe('identity');
  const { detail, error } = (await answer.json()) as { detail?: string; error?: string };
  expect(detail ?? error).toBe('the body has Content-Encoding gzip; send it without one');
});

it('refuses a request without Host, which node:http does with a bare 400', async () => {
  const { port } = await startDoublingServer();
  expect(await sendRaw(port, `GET ${PREDICT_PATH} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

async function sendAll(url: string, requests: BadRequest[]): Promise<void> {
  const wrong: string[] = [];
  for (const bad of requests) {
    const [method, path, type, body, expected] = bad;
    const { status, headers, body: answer } = await send(url, bad);
    const text = answer.toString();
    const isProtocol = path.startsWith('/v2');
    const isTyped =
      headers['content-type'] === (isProtocol ? 'application/json' : 'application/problem+json');
    const { title, detail, error, status: stated } = text.startsWith('{') ? JSON.parse(text) : {};
    const isShaped = isProtocol ? typeof error === 'string' : stated === expected && title && detail;
    if (status !== expected || !isTyped || !isShaped || text.length > 5_000)
      wrong.push(
        `${method} ${path.slice(0, 80)} ${type} ${body.subarray(0, 120)}: ${status}, not ${expected}: ${text.slice(0, 200)}`,
      );
  }
  expect(wrong).toEqual([]);
}
