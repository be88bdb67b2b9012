import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from './metrics.ts';
import { problem, RequestError } from './problem.ts';

/** Errors of node:http that say more than that a request cannot be read. */
const KNOWN: Record<string, [status: number, title: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'the path and the headers are too long'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Content Too Large', 'the extensions of a chunk are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'the request took too long to arrive'],
};
const UNREADABLE = [400, 'Bad Request', 'this is no HTTP request that can be read'] as const;

/** Gives an answer with a body to requests that node:http turns away itself, before any route is asked. */
export function answerBroken(server: Server, metrics: Metrics): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const [status, title, detail] = KNOWN[error.code ?? ''] ?? UNREADABLE;
    // As node:http has it: an answer that has begun is cut off, not followed by another.
    const { _httpMessage: begun } = socket as { _httpMessage?: ServerResponse };
    if (!socket.writable || error.code === 'ECONNRESET' || begun?.headersSent) socket.destroy();
    else {
      close(socket, status, title, detail);
      // A request that has come to a route is counted there.
      if (begun) begun.statusCode = status;
      else metrics.answers('_OTHER', 'other', status).observe(0);
    }
  });
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    // Nobody else listens to the errors of a socket that left node:http.
    socket.on('error', () => socket.destroy());
    close(
      socket,
      405,
      'Method Not Allowed',
      'this is no proxy; use GET or POST',
      'Allow: GET, HEAD, POST\r\n',
    );
    metrics.answers('CONNECT', 'other', 405).observe(0);
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { text, type } = body(417, 'Expectation Failed', '100-continue is all that can be expected');
    response.writeHead(417, { 'Content-Type': type, 'Content-Length': text.length, Connection: 'close' });
    response.end(text);
    metrics.answers('_OTHER', 'other', 417).observe(0);
  });
}

/** What Hono's listener cannot make a request of: an address, or a Host, that is none. */
export function answerUnreadable(error: unknown): Response {
  return problem(
    new RequestError(400, `${(error as Error).message}; give a path that begins with /, and a valid Host`),
  );
}

function close(socket: Socket, status: number, title: string, detail: string, headers = ''): void {
  const { text, type } = body(status, title, detail);
  socket.write(
    `HTTP/1.1 ${status} ${title}\r\n${headers}Content-Type: ${type}\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
  socket.destroySoon();
}

function body(status: number, title: string, detail: string): { text: string; type: string } {
  return {
    text: JSON.stringify({ type: 'about:blank', title, status, detail }),
    type: 'application/problem+json',
  };
}
