import type { Server, ServerResponse } from 'node:http';
import { Server as Sockets } from 'node:net';

/**
 * Stops a server gracefully: it accepts no more connections, and each answer closes its connection.
 * Idle connections are closed a little later, so that a request that is already on its way is still
 * answered.
 * @param openResponses answers that have not ended
 * @param drainMs maximum time in milliseconds
 * @param end is called once all connections are closed, or the time is over
 */
export function drain(
  server: Server,
  openResponses: Set<ServerResponse>,
  drainMs: number,
  end: () => void,
): void {
  for (const response of openResponses) response.shouldKeepAlive = false;
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  // close() of node:http would close idle connections at once.
  Sockets.prototype.close.call(server, end);
  setInterval(() => server.closeIdleConnections(), drainMs / 4);
  setTimeout(end, drainMs);
}
