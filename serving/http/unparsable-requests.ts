import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from '../metrics/metrics.ts';
import { formatError, RequestError } from '../problem.ts';
import type { Service } from '../scoring/service.ts';
import type { AccessLog } from './access-log.ts';
import { commonHeaders, createRequestIds } from './headers.ts';

type StatusAndDetail = [status: number, detail: string];

/** The error codes of node:http that have a status of their own. */
const ERRORS: Record<string, StatusAndDetail> = {
  HPE_HEADER_OVERFLOW: [431, 'the path and the headers are too long'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'],
};
const UNPARSABLE: StatusAndDetail = [400, 'this is not a valid HTTP request'];

interface UnparsableOptions {
  service: Service;
  corsOrigin: string;
  metrics: Metrics;
  logAccess: AccessLog;
}

/** Answers requests that node:http refuses before the listener: its own answers have no body. */
export function answerUnparsable(server: Server, options: UnparsableOptions): void {
  const countAndMakeHeaders = createCounter(options);

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const failure = new RequestError(...(ERRORS[error.code ?? ''] ?? UNPARSABLE));
    const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse };
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    // As node:http does: an answer that has begun is aborted, and no other follows it.
    else if (response?.headersSent) response.destroy(failure);
    else if (response) {
      // The listener has this request, and counts it with this status.
      response.statusCode = failure.status;
      writeError(socket, failure, response.getHeaders(), response.req.url);
    } else writeError(socket, failure, countAndMakeHeaders('_OTHER', failure.status));
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    // node:http no longer handles errors of this socket.
    socket.on('error', () => socket.destroy());
    const failure = new RequestError(405, 'this is not a proxy; use GET or POST', [], {
      allow: 'GET, HEAD, POST',
    });
    writeError(socket, failure, countAndMakeHeaders('CONNECT', 405, request));
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const failure = new RequestError(417, 'the only supported expectation is 100-continue');
    const { status, headers, body } = formatError(failure, request.url);
    const common = countAndMakeHeaders('_OTHER', status, request);
    response.writeHead(status, { ...common, ...headers, connection: 'close' });
    response.end(body);
  });
}

/** Counts and logs an answer that no route gives, and returns its headers. */
function createCounter({ service, corsOrigin, metrics, logAccess }: UnparsableOptions) {
  const requestIdOf = createRequestIds();
  const common = commonHeaders(corsOrigin);
  return (method: string, status: number, request?: IncomingMessage): OutgoingHttpHeaders => {
    const requestId = requestIdOf(request?.headers['x-request-id']);
    metrics.durations(method, 'other', status).observe(0);
    logAccess(method, '', status, 0, requestId);
    const headers: OutgoingHttpHeaders = { 'X-Request-Id': requestId };
    for (let i = 0; i < common.length; i += 2) headers[common[i] as string] = common[i + 1];
    if (service.current) headers['X-Model-Version'] = service.current.version;
    return headers;
  };
}

/** The answer if node-server cannot make a Request, because the URL or the Host is invalid. */
export function answerInvalidUrl(error: unknown): Response {
  const detail = `${(error as Error).message}; send a path that begins with /, and a valid Host`;
  const { body, ...init } = formatError(new RequestError(400, detail));
  return new Response(body, init);
}

function writeError(
  socket: Socket,
  error: RequestError,
  commonHeaders: OutgoingHttpHeaders,
  path?: string,
): void {
  const { status, headers, body } = formatError(error, path);
  const lines = Object.entries({ ...commonHeaders, ...headers, connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`);
  socket.destroySoon();
}
