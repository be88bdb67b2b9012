import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { expect, it } from 'vitest';
import { startDoublingServer } from '../../support/test-server.ts';

it('answers an Arrow stream of nearly 8 MiB to a client that first sends all of it', async () => {
  const { port } = await startDoublingServer();
  const rows = 500_000;
  const table = tableFromArrays({
    vol_moving_avg: new Float64Array(rows).fill(1),
    adj_close_rolling_med: new Float64Array(rows).fill(25),
  });
  const body = Buffer.from(tableToIPC(table, 'stream'));
  expect(body.length).toBeGreaterThan(7.5 * 2 ** 20);
  expect(body.length).toBeLessThan(8 * 2 ** 20);
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/vnd.apache.arrow.stream\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  // Nothing is read before all is sent.
  await new Promise((resolve) => socket.write(body, resolve));
  const answer = await buffer(socket);
  expect(answer.subarray(0, 12).toString()).toBe('HTTP/1.1 200');
  // prediction, p10, p50, p90 and in_domain
  expect(answer.length).toBeGreaterThan(rows * (4 * 8 + 1 / 8));
});
