import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { until } from '../support/command.ts';
import { makeFolder } from '../support/fixtures.ts';
import { sendRaw, startServer } from '../support/test-server.ts';
import { addModel, constantModel } from '../support/tiny-model.ts';

const PREDICT_PATH = '/predict?vol_moving_avg=999&adj_close_rolling_med=1';
let store: string;

beforeEach(() => {
  store = makeFolder();
  promote(encodeModel(constantModel([Math.LN2, 0, 0])));
});

it('sends the same headers with and without the fast path, and passes a request id on', async () => {
  const { url } = await startServer(store);
  for (const query of [PREDICT_PATH, `${PREDICT_PATH}&other=1`]) {
    const { headers } = await fetch(url + query, { headers: { 'x-request-id': 'abc-1' } });
    expect(headers.get('x-request-id')).toBe('abc-1');
    expect(headers.get('x-model-version')).toBe('2020-01-01');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-type')).toBe('application/json');
    const ids = await Promise.all(
      ['a b', 'x'.repeat(129), ''].map(async (id) =>
        (await fetch(url + query, { headers: { 'x-request-id': id } })).headers.get('x-request-id'),
      ),
    );
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
    expect(new Set(ids).size).toBe(3);
  }
});

describe('limits', () => {
  it('requires the token everywhere except at /health and for the files of the page', async () => {
    const { url } = await startServer(store, { TOKEN: 'secret' });
    const status = async (path: string, authorization = '') =>
      (await fetch(url + path, { headers: { authorization } })).status;
    expect(await status(PREDICT_PATH)).toBe(401);
    expect(await status('/metrics')).toBe(401);
    expect(await status(PREDICT_PATH, 'Bearer secre')).toBe(401);
    expect(await status(PREDICT_PATH, 'Bearer secret')).toBe(200);
    for (const path of ['/health/live', '/', '/page/main.js']) expect(await status(path)).toBe(200);
    expect(await status('/page/missing.js')).toBe(404);
  });

  it.each([
    '/health/../metrics',
    '/health/%2e%2e/metrics',
    `/health/live/../..${PREDICT_PATH}`,
    '/health/live#/metrics',
    '/page/..%2fmetrics',
    '/page/.%2e/metrics',
    '/page/main.js/../../metrics',
  ])('requires the token at %s, too', async (path) => {
    const { url } = await startServer(store, { TOKEN: 'secret' });
    // fetch would follow the dots itself.
    const [answer] = await once(request({ port: new URL(url).port, path }).end(), 'response');
    answer.resume();
    expect(answer.statusCode).toBe(401);
  });

  it.each([
    ['GET /', '\xfc.\xfc/metrics?xxx'],
    ['GET /health/live', '\xfc.\xfc/metrics?'],
    ['GET /', 'a/metrics?'],
    ['GET /', 'a#'],
    ['GET /', 'a@b'],
    ['GET /', '[::1'],
    ['GET /', ''],
    ['GET http://a/metrics', 'a@b'],
    ['GET http://a@b/metrics', 'a'],
    ['GET http://', 'a'],
  ])('answers 400 to %s of the Host %j', async (target, host) => {
    for (const environment of [{ TOKEN: 'secret' }, {}]) {
      const { url } = await startServer(store, environment);
      const answer = await sendRaw(
        Number(new URL(url).port),
        `${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
  });

  it.each(['localhost', 'a.b-c.example:8080', '127.0.0.1:3000', '[::1]', '[2001:DB8::1]:65535'])(
    'answers with and without the fast path if Host is %s, and refuses it if it ends in ü',
    async (host) => {
      const { url } = await startServer(store);
      for (const path of [PREDICT_PATH, `${PREDICT_PATH}&other=1`])
        for (const [end, status] of [
          ['', 200],
          ['\xfc', 400],
        ])
          expect(
            await sendRaw(
              Number(new URL(url).port),
              `GET ${path} HTTP/1.1\r\nHost: ${host}${end}\r\nConnection: close\r\n\r\n`,
            ),
          ).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    },
  );

  it('refuses below /v2 in the form of that protocol', async () => {
    const { url } = await startServer(store, { TOKEN: 'secret' });
    const answer = await fetch(`${url}/v2/models/volume`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toEqual({ error: expect.stringContaining('Bearer') });
  });

  it('refuses requests above the rate limit', async () => {
    const { url } = await startServer(store, { RATE_LIMIT: '5' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(url + PREDICT_PATH)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(await refused[0]?.json()).toEqual({
      ...{ type: 'about:blank', title: 'Too Many Requests', status: 429 },
      detail: 'more than 5 requests a second came from this address',
    });
  });

  it('does not limit the rate of probes, metrics or the page', async () => {
    const { url } = await startServer(store, { RATE_LIMIT: '1' });
    const status = async (path: string) => (await fetch(url + path)).status;
    const free = ['/health/live', '/health/ready', '/v2/health/live', '/v2/health/ready', '/metrics', '/'];
    const files = ['/page/main.js', '/page/page.css', '/docs', '/page/docs.js', '/openapi.json'];
    for (const path of [...free, ...files]) expect(`${path} ${await status(path)}`).toBe(`${path} 200`);
  });

  it('refuses a body whose Content-Length is too large', async () => {
    const { url } = await startServer(store, { BODY_LIMIT: '10' });
    const answer = await fetch(`${url}/predict`, { method: 'POST', body: 'x'.repeat(11) });
    expect(answer.status).toBe(413);
  });

  it.each([
    ['application/json', '/predict'],
    ['application/vnd.apache.arrow.stream', '/predict'],
    ['application/json', '/v2/models/volume/infer'],
  ])('refuses a body of %s to %s that becomes too large', async (type, path) => {
    const { url } = await startServer(store, { BODY_LIMIT: '1000' });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (data) => (text += data)).on('error', () => {});
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    socket.write(`7d0\r\n${' '.repeat(2_000)}\r\n`);
    await until(() => text, 'an answer');
    socket.destroy();
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('answers a browser of the configured origin', async () => {
    const { url } = await startServer(store, { CORS_ORIGIN: 'https://a.example' });
    const answer = await fetch(url + PREDICT_PATH, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://a.example');
    for (const query of [PREDICT_PATH, `${PREDICT_PATH}&detail=1`, '/predict']) {
      const { headers } = await fetch(url + query, { headers: { origin: 'https://a.example' } });
      expect(headers.get('access-control-expose-headers')).toBe(
        'X-Request-Id, X-Model-Version, Retry-After, Allow, WWW-Authenticate',
      );
    }
  });

  it('answers 408 to headers that do not end', async () => {
    const { url } = await startServer(store, { HEADERS_TIMEOUT_MS: '300' });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (data) => (text += data));
    socket.write('GET /predict HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    await until(() => socket.closed, 'the connection to be closed');
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
  });
});

it.each([
  '/',
  PREDICT_PATH,
  `${PREDICT_PATH}&detail=1`,
  '/metrics',
  '/health/ready',
  '/docs',
  '/v2',
  '/v2/models/volume',
  '/x',
])('answers HEAD %s as GET, without a body', async (path) => {
  const { url } = await startServer(store);
  const [get, head] = [await fetch(url + path), await fetch(url + path, { method: 'HEAD' })];
  expect(head.status).toBe(get.status);
  expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
  expect(head.headers.get('x-model-version')).toBe('2020-01-01');
  expect(await head.text()).toBe('');
});

it.each([
  ['/predict', 'GET, HEAD, POST'],
  ['/v2/models/volume/infer', 'POST'],
  ['/health/live', 'GET, HEAD'],
  ['/metrics', 'GET, HEAD'],
])('answers OPTIONS %s with the allowed methods', async (path, allow) => {
  const { url } = await startServer(store);
  const answer = await fetch(url + path, { method: 'OPTIONS' });
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe(allow);
});

it('counts refusals and wrong methods under the route of their path', async () => {
  const { url } = await startServer(store, { TOKEN: 'secret', BODY_LIMIT: '10', RATE_LIMIT: '6' });
  const ask = async (path: string, init: RequestInit = {}) =>
    (await fetch(url + path, { headers: { authorization: 'Bearer secret' }, ...init })).status;
  const body = 'x'.repeat(11);
  expect(await ask(PREDICT_PATH, { headers: {} })).toBe(401);
  expect(await ask('/v2/models/volume/infer', { method: 'POST', body })).toBe(413);
  expect(await ask('/v2/models/volume', { method: 'DELETE' })).toBe(405);
  expect(await ask('/health/live', { method: 'PUT' })).toBe(405);
  expect(await ask('/nothing', { method: 'PUT' })).toBe(404);
  expect(await sendRaw(Number(new URL(url).port), 'GET /docs HTTP/1.1\r\nHost: ?\r\n\r\n')).toMatch(/ 400 /);
  const many = await Promise.all(Array.from({ length: 20 }, () => ask('/predict?')));
  expect(many).toContain(429);
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer secret' } })).text();
  const counted = [
    'GET /predict 401',
    'GET /predict 429',
    'POST /v2/models/:name/infer 413',
    'DELETE /v2/models/:name 405',
    'PUT /health/live 405',
    'PUT other 404',
    'GET /docs 400',
  ];
  expect(countAnswers(text).map((line) => line.replace(/ \d+$/, ''))).toEqual(
    expect.arrayContaining(counted),
  );
});

it.each([
  ['leaves', (socket: Socket) => socket.resetAndDestroy(), 499],
  ['ends its side', (socket: Socket) => socket.end(), 400],
])('counts a client once that %s in the middle of a body', async (_, end, status) => {
  const { url } = await startServer(store);
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  socket.resume();
  socket.write(
    'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"insta',
  );
  // Once this request is answered, the server has begun the first.
  await fetch(url + PREDICT_PATH);
  end(socket);
  const counted = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return countAnswers(text).filter((line) => !line.startsWith('GET '));
  };
  await expect.poll(counted).toEqual([`POST /predict ${status} 1`]);
  await fetch(url + PREDICT_PATH);
  expect(await counted()).toEqual([`POST /predict ${status} 1`]);
});

it('answers pipelined requests in their order', async () => {
  const { url } = await startServer(store);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data));
  for (const n of [1, 2, 3])
    socket.write(`GET /predict?vol_moving_avg=${n}&adj_close_rolling_med=1 HTTP/1.1\r\nHost: a\r\n\r\n`);
  const bodies = await until(() => {
    const found = [...text.matchAll(/\r\n\r\n(\d)(?=HTTP|$)/g)].map((match) => match[1]);
    return found.length === 3 && found;
  }, 'three answers');
  socket.destroy();
  // 2 (1 + n) - 1
  expect(bodies).toEqual(['3', '5', '7']);
});

it('fails no request while a thousand champions are promoted one after the other, a tenth of them corrupt', async () => {
  const { url, log } = await startServer(store, { POLL_MS: '5', SHADOW: 'off' });
  const models = [2, 3].map((ratio) =>
    encodeModel(constantModel([Math.log(ratio), 0, 0], `2020-01-0${ratio}`)),
  );
  let isOver = false;
  let sent = 0;
  const wrong: string[] = [];
  const ask = async () => {
    while (!isOver) {
      const answer = await fetch(url + PREDICT_PATH);
      const text = await answer.text();
      const version = answer.headers.get('x-model-version');
      const expected = version === '2020-01-03' ? '2999' : '1999';
      sent++;
      if (answer.status !== 200 || text !== expected) wrong.push(`${answer.status} ${version} ${text}`);
    }
  };
  const clients = [ask(), ask()];
  const countChecked = () => log().match(/serving the model as of|stays in service/g)?.length ?? 0;
  for (let i = 0; i < 1_000; i++) {
    const bytes = models[i % 2] as Buffer;
    promote(i % 10 === 9 ? bytes.subarray(0, -1) : bytes);
    await until(() => countChecked() === i + 2, 'the server to check the model');
  }
  isOver = true;
  await Promise.all(clients);
  expect(wrong).toEqual([]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const count = (outcome: string) => Number(new RegExp(`outcome="${outcome}".*} (\\d+)`).exec(metrics)?.[1]);
  // Including the model at the start.
  expect(count('success')).toBe(901);
  expect(count('failure')).toBe(100);
  expect(sent).toBeGreaterThan(1_000);
  process.stderr.write(`900 champions loaded and 100 refused during ${sent} requests, 0 failed\n`);
});

it('counts requests whose rows were all scored, and rows', async () => {
  const { url } = await startServer(store, { SHADOW: 'off' });
  const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/json') => {
    const answer = await fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
    return answer.arrayBuffer().then(
      () => answer.status,
      () => 'aborted',
    );
  };
  const row = { vol_moving_avg: 999, adj_close_rolling_med: 1 };
  const tensor = (name: string, data: number[]) => ({ name, shape: [data.length], datatype: 'FP64', data });
  const infer = (volMovingAvgs: number[]) =>
    post(
      '/v2/models/volume/infer',
      JSON.stringify({
        inputs: [tensor('vol_moving_avg', volMovingAvgs), tensor('adj_close_rolling_med', [1, 1])],
      }),
    );
  const columns = {
    vol_moving_avg: Float64Array.of(1, 2, 3, 4),
    adj_close_rolling_med: Float64Array.of(1, 1, 1, 1),
  };
  const stream = new Uint8Array(tableToIPC(tableFromArrays(columns), 'stream'));
  const arrow = 'application/vnd.apache.arrow.stream';
  expect((await fetch(url + PREDICT_PATH)).status).toBe(200);
  expect((await fetch(`${url}${PREDICT_PATH}&detail=1`)).status).toBe(200);
  expect(await post('/predict', JSON.stringify({ instances: [row, row, row] }))).toBe(200);
  expect(await infer([1, 2])).toBe(200);
  expect(await post('/predict', stream, arrow)).toBe(200);
  // None of these gets a whole answer, but the rows of the truncated stream were scored.
  expect((await fetch(`${url}/predict?vol_moving_avg=-1&adj_close_rolling_med=1`)).status).toBe(400);
  expect(await post('/predict', '{}')).toBe(400);
  expect(await infer([1, -2])).toBe(400);
  expect(await post('/predict', stream.slice(0, -8), arrow)).toBe('aborted');
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^model_infer_request_success_total 5$/m);
  expect(metrics).toMatch(new RegExp(`^model_infer_rows_total ${1 + 1 + 3 + 2 + 4 + 4}$`, 'm'));
});

it('writes a timestamp in every log line', async () => {
  const start = Date.now();
  const { running, url } = await startServer(store, { ACCESS_LOG: '1' });
  let accesses = '';
  running.process.stdout?.on('data', (data) => (accesses += data));
  await fetch(url + PREDICT_PATH);
  await until(() => accesses.endsWith('\n'), 'a line');
  running.process.kill('SIGTERM');
  const { stdout, stderr } = await running.ended;
  const lines = (stdout + stderr).trim().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(3);
  for (const line of lines) {
    const { timestamp } = JSON.parse(line);
    expect(new Date(timestamp).toISOString()).toBe(timestamp);
    expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(start);
    expect(Date.parse(timestamp)).toBeLessThanOrEqual(Date.now());
  }
});

it('scores a challenger beside the champion and counts where they differ', async () => {
  addModel(store, [Math.log(3), 0, 0], '2021-01-01');
  const { url } = await startServer(store);
  for (let i = 0; i < 3; i++) await fetch(url + PREDICT_PATH);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^model_shadow_rows_total\{model_version="2021-01-01"\} 3$/m);
  expect(metrics).toMatch(/^model_shadow_disagreements_total\{model_version="2021-01-01"\} 3$/m);
});

/** Each method, route, status and count of the answers in /metrics. */
function countAnswers(metrics: string): string[] {
  const lines = metrics.matchAll(
    /^http_server_request_duration_seconds_count.*_method="(\w+)".*_route="([^"]*)".*_code="(\d+)".* ([1-9]\d*)$/gm,
  );
  return Array.from(lines, ([, ...fields]) => fields.join(' '));
}

function promote(bytes: Buffer): void {
  writeFileSync(join(store, 'next'), bytes);
  renameSync(join(store, 'next'), join(store, 'model.bin'));
}
