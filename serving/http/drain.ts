import type { Server, ServerResponse } from 'node:http';
import { Server as Sockets } from 'node:net';

/**
 * Lets a server come to its end: it accepts no more connections, every answer from now on closes its own, and connections
 * without a request are closed a little later, so that a client's next request, which may be on its way, is still answered.
 * @param underWay answers that are being made
 * @param drainMs after so long it is over, whatever is left
 * @param end is called once all connections are closed, or the time is up
 */
export function drain(server: Server, underWay: Set<ServerResponse>, drainMs: number, end: () => void): void {
  for (const response of underWay) response.shouldKeepAlive = false;
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  // close() of node:http would cut idle connections off at once.
  Sockets.prototype.close.call(server, end);
  setInterval(() => server.closeIdleConnections(), drainMs / 4);
  setTimeout(end, drainMs);
}
