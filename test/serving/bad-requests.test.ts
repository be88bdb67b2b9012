import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeModel } from '../../serving/model.ts';
import { type Running, start, until } from '../command.ts';
import { makeFolder } from '../fixtures.ts';
import { constantModel } from '../tiny-model.ts';

// A request that cannot be answered: its method, path, media type, body and the status that is due.
type Bad = [method: string, path: string, type: string, body: Buffer, status: number];

const ARROW = 'application/vnd.apache.arrow.stream';
const WRONG = [
  'NaN',
  'Infinity',
  '-Infinity',
  '1e400',
  '"25"',
  '"abc"',
  'null',
  'true',
  '[]',
  '{}',
  '[1]',
  '""',
  '1n',
  '0x1',
  '+1',
  '.5',
  '١٢',
  '1,5',
  '1_000',
  "'1'",
];
const TEXTS = [
  '',
  ...WRONG.filter((text) => text !== '.5'),
  '%00',
  '%20',
  '%ff',
  '9'.repeat(5_000),
  'é'.repeat(500),
  '--1',
  '1e',
  '1e+',
  '5%00',
  '1%202',
];
const NAMES = ['vol_moving_avg', 'adj_close_rolling_med'];

let running: Running;
let url: string;

beforeEach(async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
  running = start(process.execPath, ['serving/server.ts'], { STORE: store, PORT: '0' });
  let stderr = '';
  running.process.stderr?.on('data', (data) => (stderr += data));
  url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(stderr)?.[0], 'the server to listen');
});
afterEach(() => void running.process.kill('SIGKILL'));

it('refuses hundreds of broken requests, each as it should, and stays as it was', async () => {
  const requests = bad();
  expect(requests.length).toBeGreaterThanOrEqual(300);
  await sendAll(requests);
  const before = residentBytes();
  for (let round = 0; round < 3; round++) await sendAll(requests);
  expect(residentBytes() - before).toBeLessThan(64 * 2 ** 20);
  const answer = await fetch(`${url}/predict?vol_moving_avg=12345&adj_close_rolling_med=25`);
  expect(await answer.text()).toBe('24691');
});

it('answers pipelined requests in their order, the broken ones between the good ones', async () => {
  const ask = (query: string) => `GET /predict?${query} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const good = ask('vol_moving_avg=12345&adj_close_rolling_med=25');
  const text = await sendRaw(`${good}${ask('vol_moving_avg=x')}`.repeat(20));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  expect(statuses).toEqual(Array.from({ length: 40 }, (_, index) => (index % 2 ? '400' : '200')));
});

it.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['an unknown method', 'BREW /predict HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a null byte in the path', 'GET /pre\0dict HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no Host', 'GET /predict HTTP/1.1\r\n\r\n'],
  ['two lengths', 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  [
    'a length and chunks',
    'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a broken chunk', 'POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
])('refuses %s with a 4xx', async (_, text) => {
  expect(await sendRaw(text)).toMatch(/^HTTP\/1\.1 4\d\d/);
});

function bad(): Bad[] {
  const row = (name: string, text: string) =>
    `{${NAMES.map((one) => `"${one}":${one === name ? text : '25'}`).join()}}`;
  const tensor = (name: string, wrong: string, text: string) =>
    `{"name":"${name}","shape":[1],"datatype":"FP64","data":[${name === wrong ? text : '25'}]}`;
  const json = (path: string, text: string, status = 400): Bad => [
    'POST',
    path,
    'application/json',
    Buffer.from(text),
    status,
  ];
  const infer = '/v2/models/volume/infer';
  const none = Buffer.alloc(0);
  const get = (path: string, status: number): Bad => ['GET', path, '', none, status];
  const ipc = Buffer.from(
    tableToIPC(
      tableFromArrays({ vol_moving_avg: Float64Array.of(1), adj_close_rolling_med: Float64Array.of(1) }),
      'stream',
    ),
  );
  const columns = (data: Record<string, Float64Array | string[] | boolean[]>): Bad => [
    'POST',
    '/predict',
    ARROW,
    Buffer.from(tableToIPC(tableFromArrays(data), 'stream')),
    400,
  ];
  const one = Float64Array.of(1);
  const body = `{"instances":[${row('', '')}]}`;
  return [
    ...NAMES.flatMap((name) => {
      const other = NAMES.find((one) => one !== name);
      return [
        ...TEXTS.map((text) => get(`/predict?${name}=${text}&${other}=1`, 400)),
        ...WRONG.map((text) => json('/predict', `{"instances":[${row(name, text === '.5' ? '.5' : text)}]}`)),
        ...WRONG.filter((text) => text !== '[1]').map((text) =>
          json(infer, `{"inputs":[${NAMES.map((one) => tensor(one, name, text)).join()}]}`),
        ),
        get(`/predict?${name}=1&${name}=1&${other}=1`, 400),
        get(`/predict?${other}=1`, 400),
      ];
    }),
    ...WRONG.map((text) => json('/predict', text)),
    ...WRONG.map((text) => json('/predict', `{"instances":${text}}`)),
    ...WRONG.map((text) => json(infer, `{"inputs":${text}}`)),
    ...Array.from({ length: body.length }, (_, length) => json('/predict', body.slice(0, length))),
    ...Array.from({ length: 40 }, (_, i): Bad => ['POST', '/predict', ARROW, ipc.subarray(0, i * 4), 400]),
    ...['text/plain', 'application/xml', 'application/jsonx', 'multipart/form-data', ''].map(
      (type): Bad => ['POST', '/predict', type, Buffer.from(body), 415],
    ),
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((method): Bad => [method, '/predict', '', none, 405]),
    ...['/', '/page/page.js', '/reports/model', '/reports/walk-forward'].map(
      (path): Bad => ['DELETE', path, '', none, 405],
    ),
    ...[
      '/predict/',
      '//predict',
      '/Predict',
      '/predict%00',
      '/predict/..%2f',
      '/docs/..%2fpackage.json',
      '/docs/%2e%2e/x',
      '/page/',
      '/page/index.html',
      '/page/tsconfig.json',
      '/page/..%2fserver.ts',
      '/reports/..%2fmodel.bin',
      '/v2/models/x',
      '/v2/models/volume/versions/0',
      '/v2/x',
    ].map((path) => get(path, 404)),
    columns({ vol_moving_avg: one }),
    columns({ vol_moving_avg: one, adj_close_rolling_med: ['1'] }),
    columns({ vol_moving_avg: [true], adj_close_rolling_med: one }),
    columns({ vol_moving_avg: Float64Array.of(-1), adj_close_rolling_med: one }),
    columns({ vol_moving_avg: Float64Array.of(Number.NaN), adj_close_rolling_med: one }),
    json('/predict', `{"instances":[${'1,'.repeat(100_000)}1]}`, 413),
    json('/predict', ' '.repeat(16 * 2 ** 20 + 1), 413),
    json('/predict', '['.repeat(100_000)),
    json('/predict', `{"${'k'.repeat(100_000)}":1,"__proto__":{"instances":[]}}`),
  ];
}

async function sendAll(requests: Bad[]): Promise<void> {
  const wrong: string[] = [];
  for (const [method, path, type, body, status] of requests) {
    const headers = type ? { 'content-type': type } : {};
    const content = body.length > 0 ? { body: new Uint8Array(body) } : {};
    const response = await fetch(url + path, { method, headers, ...content });
    const text = await response.text();
    const answer = text.startsWith('{') ? JSON.parse(text) : {};
    const isShaped = path.startsWith('/v2')
      ? Object.keys(answer).join() === 'error'
      : answer.status === status && answer.title && answer.detail;
    if (response.status !== status || !isShaped || text.length > 5_000)
      wrong.push(
        `${method} ${path.slice(0, 80)} ${type} ${body.subarray(0, 120)}: ${response.status}, not ${status}: ${text.slice(0, 200)}`,
      );
  }
  expect(wrong).toEqual([]);
}

function sendRaw(text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data));
  socket.end(text, 'latin1');
  return new Promise((resolve, reject) => socket.on('close', () => resolve(answer)).on('error', reject));
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${running.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}
