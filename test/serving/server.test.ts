import { once } from 'node:events';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { until } from '../support/command.ts';
import { makeFolder } from '../support/fixtures.ts';
import { runServer, startServer } from '../support/test-server.ts';
import { constantModel } from '../support/tiny-model.ts';

let store: string;

beforeEach(() => {
  store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
});

it('answers over HTTP on a free port', async () => {
  const { url } = await startServer(store);
  const response = await fetch(`${url}/predict?vol_moving_avg=12345&adj_close_rolling_med=25`);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.text()).toBe('24691');
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
});

it('loads no native module', async () => {
  const { running, url } = await startServer(store);
  await fetch(`${url}/predict?vol_moving_avg=12345&adj_close_rolling_med=25`);
  const maps = readFileSync(`/proc/${running.process.pid}/maps`, 'utf8');
  expect(maps).toContain('/bin/node');
  expect(maps).not.toMatch(/\.node$|node_modules|tensorflow|duckdb/m);
});

it('loads a model that is promoted while it runs, and keeps it if the next one is damaged', async () => {
  const { running, url } = await startServer(store);
  const predict = async () =>
    (await fetch(`${url}/predict?vol_moving_avg=999&adj_close_rolling_med=1`)).text();
  expect(await predict()).toBe('1999');
  writeFileSync(join(store, 'next'), encodeModel(constantModel([Math.log(3), 0, 0])));
  renameSync(join(store, 'next'), join(store, 'model.bin'));
  await expect.poll(predict, { timeout: 10_000 }).toBe('2999');
  writeFileSync(join(store, 'model.bin'), 'damaged');
  let log = '';
  running.process.stderr?.on('data', (data) => (log += data));
  await expect.poll(() => log, { timeout: 10_000 }).toContain('stays in service');
  expect(await predict()).toBe('2999');
});

it('is live but not ready until the first model is promoted', async () => {
  const bytes = readFileSync(join(store, 'model.bin'));
  rmSync(join(store, 'model.bin'));
  const { url } = await startServer(store, { POLL_MS: '20' });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ reason: 'no model was promoted yet' });
  expect((await fetch(`${url}/predict?vol_moving_avg=1&adj_close_rolling_med=1`)).status).toBe(503);
  writeFileSync(join(store, 'model.bin'), bytes);
  await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(200);
});

it('is not ready with a damaged model, and gives the reason', async () => {
  writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'model.bin')).subarray(0, -1));
  const { url } = await startServer(store);
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('model.bin');
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^model_load_failed 1$/m);
});

it.each(['http', '-1', '65536', '80.5', ' 80', '0x50'])('does not start on PORT=%s', async (port) => {
  const { code, stderr } = await runServer(store, { PORT: port }).ended;
  expect(code).toBe(2);
  expect(stderr).toContain(`PORT=${port}`);
});

it.each([
  ['CORS_ORIGIN', 'a.example'],
  ['STORE', 's3://bucket/store'],
  ['TOKEN', 'sécret'],
])('does not start with %s=%s', async (name, value) => {
  const { code, stderr } = await runServer(store, { [name]: value }).ended;
  expect(code).toBe(2);
  expect(JSON.parse(stderr).message).toContain(name);
});

it('does not start on a port that is in use, and names it', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await until(() => other.listening, 'a port');
  const { port } = other.address() as AddressInfo;
  try {
    const { code, stderr } = await runServer(store, { PORT: String(port) }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`port ${port} is in use`);
  } finally {
    other.close();
  }
});

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('ends on %s with %i within 3 s, even if a client keeps its connection', async (signal, code) => {
  const { running, url } = await startServer(store);
  await fetch(`${url}/health/live`, { headers: { connection: 'keep-alive' } });
  const start = performance.now();
  running.process.kill(signal);
  expect((await running.ended).code).toBe(code);
  expect(performance.now() - start).toBeLessThan(3_000);
});

it('on SIGTERM answers a request that has begun, and closes its connection', async () => {
  const { running, url } = await startServer(store);
  const body = '{"instances":[{"vol_moving_avg":999,"adj_close_rolling_med":1}]}';
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data));
  const closed = once(socket, 'close');
  socket.write(
    `POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
  );
  await fetch(`${url}/health/live`);
  running.process.kill('SIGTERM');
  // A connection that was accepted before the server stopped listening may be reset later.
  const another = () => connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  await expect.poll(() => once(another(), 'connect').catch(({ code }) => code)).toBe('ECONNREFUSED');
  socket.write(body.slice(20));
  await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toMatch(/^connection: close/im);
  expect(answer).toContain('"prediction":1999');
  expect((await running.ended).code).toBe(143);
});
