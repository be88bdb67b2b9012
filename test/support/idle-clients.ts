/**
 * Opens idle connections, the second half of them after one response each. Closes them when its
 * input ends.
 */
import { connect, type Socket } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number) as [number, number];
const BATCH = 250;
const sockets: Socket[] = [];
let lost = 0;

for (let at = 0; at < count; at += BATCH)
  await Promise.all(
    Array.from({ length: Math.min(BATCH, count - at) }, (_, i) => open((at + i) * 2 >= count)),
  );
process.stdout.write(`open ${sockets.length}\n`);
process.stdin.resume().on('end', () => {
  for (const socket of sockets) socket.destroy();
  process.stdout.write(`closed, ${lost} lost before\n`);
});

function open(sendsRequest: boolean): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('end', () => lost++);
    if (sendsRequest) socket.on('data', () => resolve());
    socket.on('connect', () => {
      if (sendsRequest) socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
      else resolve();
    });
  });
}
