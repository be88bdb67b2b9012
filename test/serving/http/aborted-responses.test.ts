import { once } from 'node:events';
import { connect } from 'node:net';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { expect, it } from 'vitest';
import { ARROW } from '../../support/bad-requests.ts';
import { until } from '../../support/command.ts';
import { PREDICT_PATH, startDoublingServer, type TestServer } from '../../support/test-server.ts';

const ROWS = 16_384;

it.each([
  ['a negative vol_moving_avg', -1, `row ${ROWS}: vol_moving_avg must not be negative`],
  ['a value that is not finite', Number.NaN, `row ${ROWS}: vol_moving_avg is not finite`],
])(
  'aborts an answer at %s after its first rows, logs the reason in one line, and counts it',
  async (_, last, reason) => {
    const server = await startDoublingServer();
    const volMovingAvgs = Float64Array.from({ length: ROWS + 1 }, (_, row) => (row < ROWS ? row : last));
    const answer = await ask(server, volMovingAvgs, 'seven');
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow('terminated');
    await expect
      .poll(() => countAborted(server))
      .toEqual({ bad_request: 1, client_left: 0, server_error: 0 });
    const lines = server.log().trim().split('\n').slice(-1);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'warn',
        message: `an answer was cut off: the Arrow stream: ${reason}`,
        path: '/predict',
        request_id: 'seven',
        timestamp: expect.any(String),
      },
    ]);
    expect(server.log()).not.toMatch(/\n\s+at /);
    expect(await (await fetch(server.url + PREDICT_PATH)).text()).toBe('24691');
    expect(await outputOf(server)).toBe('');
  },
);

it('counts a client that leaves in the middle of an answer, and logs nothing', async () => {
  const server = await startDoublingServer();
  const before = server.log();
  const body = ipc(new Float64Array(2_000_000).fill(1));
  const socket = connect(server.port, '127.0.0.1').on('error', () => {});
  socket.write(
    `POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: ${ARROW}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  await once(socket, 'data');
  socket.resetAndDestroy();
  await expect.poll(() => countAborted(server)).toEqual({ bad_request: 0, client_left: 1, server_error: 0 });
  expect(server.log()).toBe(before);
  expect(await outputOf(server)).toBe('');
});

it('aborts an answer if the request is not valid HTTP after the first rows', async () => {
  const server = await startDoublingServer();
  // Without the end-of-stream marker the answer cannot end before the fault.
  const body = ipc(new Float64Array(ROWS + 1)).subarray(0, -8);
  const socket = connect(server.port, '127.0.0.1').on('error', () => {});
  let text = '';
  socket.on('data', (data) => (text += data));
  const head = `POST /predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: eight\r\nContent-Type: ${ARROW}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  socket.write(`${head}${body.length.toString(16)}\r\n`);
  socket.write(body);
  await until(() => text.length > 1_000, 'the first rows');
  socket.write('no chunk');
  await once(socket, 'close');
  await expect.poll(() => countAborted(server)).toEqual({ bad_request: 1, client_left: 0, server_error: 0 });
  expect(server.log()).toContain('"request_id":"eight"');
  expect(server.log()).not.toMatch(/\n\s+at /);
});

it('does not count answers that ended', async () => {
  const server = await startDoublingServer();
  const answer = await ask(server, new Float64Array(ROWS + 1), 'nine');
  await answer.arrayBuffer();
  await fetch(`${server.url}/predict?vol_moving_avg=x`);
  await fetch(`${server.url}/health/live`, { method: 'HEAD' });
  expect(await countAborted(server)).toEqual({ bad_request: 0, client_left: 0, server_error: 0 });
});

/** Stops the server, and returns its standard output. */
async function outputOf({ running }: TestServer): Promise<string> {
  running.process.kill('SIGTERM');
  return (await running.ended).stdout;
}

function ask({ url }: TestServer, volMovingAvgs: Float64Array, id: string): Promise<Response> {
  return fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': ARROW, 'x-request-id': id },
    body: ipc(volMovingAvgs),
  });
}

function ipc(volMovingAvgs: Float64Array): Buffer<ArrayBuffer> {
  const columns = {
    vol_moving_avg: volMovingAvgs,
    adj_close_rolling_med: new Float64Array(volMovingAvgs.length),
  };
  return Buffer.from(tableToIPC(tableFromArrays(columns), 'stream'));
}

/** Numbers of aborted answers in /metrics, by cause. */
async function countAborted({ url }: TestServer): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.matchAll(/^http_server_answers_cut_off_total\{cause="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, cause, count]) => [cause, Number(count)]));
}
