/** node:http answering the bytes that the server answers, and nothing else: what no framework can beat. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const HEADERS = [
  ...['Content-Type', 'application/json', 'Content-Length', '5', 'X-Model-Version', '2020-01-01'],
  ...['X-Request-Id', '0123456789ab-4fzz1', 'X-Content-Type-Options', 'nosniff'],
  ...['X-Frame-Options', 'DENY', 'Referrer-Policy', 'no-referrer'],
];

const server = createServer((_request, response) => {
  response.writeHead(200, HEADERS);
  response.end('24691');
});
server.listen(0, '127.0.0.1', () => {
  process.stderr.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
