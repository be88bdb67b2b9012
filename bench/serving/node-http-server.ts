/**
 * Plain node:http that answers the same bytes as the server and does nothing else: the upper bound
 * for any framework. It uses the default options or, with OPTIONS=ours, those of the server.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpOptions } from '../../serving/http/node-options.ts';
import { readSettings } from '../../serving/settings.ts';

const BODY = process.env.BODY ?? '';
const HEADERS = [
  ...['Content-Type', 'application/json', 'Content-Length', String(BODY.length)],
  ...['X-Model-Version', process.env.VERSION ?? '', 'X-Request-Id', '0123456789ab-100000'],
  ...['X-Content-Type-Options', 'nosniff', 'X-Frame-Options', 'DENY', 'Referrer-Policy', 'no-referrer'],
];

const ours = httpOptions(readSettings({}));
// The Keep-Alive header shows this timeout, and the bytes must be equal.
const options = process.env.OPTIONS === 'ours' ? ours : { keepAliveTimeout: ours.keepAliveTimeout };
const server = createServer(options, (_request, response) => {
  response.writeHead(200, HEADERS);
  response.end(BODY);
});
server.listen(0, '127.0.0.1', () => {
  process.stderr.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
