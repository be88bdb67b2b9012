import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Service } from '../champion/service.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { RequestError, tell } from '../problem.ts';
import type { AccessLog } from './access-log.ts';
import { commonHeaders, createIds } from './headers.ts';

type Known = [status: number, detail: string];

/** Errors of node:http that say more than that a request cannot be read. */
const KNOWN: Record<string, Known> = {
  HPE_HEADER_OVERFLOW: [431, 'the path and the headers are too long'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'],
};
const UNREADABLE: Known = [400, 'this is no HTTP request that can be read'];

interface Around {
  service: Service;
  corsOrigin: string;
  metrics: Metrics;
  report: AccessLog;
}

/** Gives an answer with a body to requests that node:http turns away itself, before any route is asked. */
export function answerBroken(server: Server, { service, corsOrigin, metrics, report }: Around): void {
  const idFor = createIds();
  const common = commonHeaders(corsOrigin);

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const failure = new RequestError(...(KNOWN[error.code ?? ''] ?? UNREADABLE));
    const { _httpMessage: begun } = socket as { _httpMessage?: ServerResponse };
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    // As node:http has it: an answer that has begun is cut off, not followed by another.
    else if (begun?.headersSent) begun.destroy(failure);
    else if (begun) {
      // It has come to a route, and is counted there.
      begun.statusCode = failure.status;
      close(socket, failure, begun.getHeaders(), begun.req.url);
    } else close(socket, failure, count('_OTHER', failure.status));
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    // Nobody else listens to the errors of a socket that left node:http.
    socket.on('error', () => socket.destroy());
    const failure = new RequestError(405, 'this is no proxy; use GET or POST', [], {
      allow: 'GET, HEAD, POST',
    });
    close(socket, failure, count('CONNECT', 405, request));
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const failure = new RequestError(417, '100-continue is all that can be expected');
    const { status, headers, body } = tell(failure, request.url);
    response.writeHead(status, { ...count('_OTHER', status, request), ...headers, connection: 'close' });
    response.end(body);
  });

  /** Counts and logs an answer of which no route knows, and gives its headers. */
  function count(method: string, status: number, request?: IncomingMessage): OutgoingHttpHeaders {
    const id = idFor(request?.headers['x-request-id']);
    metrics.answers(method, 'other', status).observe(0);
    report(method, '', status, 0, id);
    const headers: OutgoingHttpHeaders = { 'X-Request-Id': id };
    for (let i = 0; i < common.length; i += 2) headers[common[i] as string] = common[i + 1];
    if (service.current) headers['X-Model-Version'] = service.current.version;
    return headers;
  }
}

/** What Hono's listener cannot make a request of: an address, or a Host, that is none. */
export function answerUnreadable(error: unknown): Response {
  const { body, ...rest } = tell(
    new RequestError(400, `${(error as Error).message}; give a path that begins with /, and a valid Host`),
  );
  return new Response(body, rest);
}

function close(socket: Socket, error: RequestError, around: OutgoingHttpHeaders, path?: string): void {
  const { status, headers, body } = tell(error, path);
  const lines = Object.entries({ ...around, ...headers, connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`);
  socket.destroySoon();
}
