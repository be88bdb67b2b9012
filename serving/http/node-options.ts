import type { ServerOptions } from 'node:http';
import type { Settings } from '../settings.ts';

/** Options of node:http. The benchmark also gives them to the servers that it compares. */
export function httpOptions(settings: Settings): ServerOptions {
  return {
    maxHeaderSize: settings.headerLimit,
    headersTimeout: Math.min(settings.headersTimeoutMs, settings.requestTimeoutMs),
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.idleTimeoutMs,
    connectionsCheckingInterval: 1_000,
    // A request without a body needs no stream for one.
    optimizeEmptyRequests: true,
  };
}
