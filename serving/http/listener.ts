import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics/metrics.ts';
import { formatError } from '../problem.ts';
import type { Route } from '../route.ts';
import type { Service } from '../scoring/service.ts';
import type { Settings } from '../settings.ts';
import type { AccessLog } from './access-log.ts';
import { createFastPath, hasHeader } from './fast-path.ts';
import { createGuard, originForm } from './guard.ts';
import { commonHeaders, createRequestIds } from './headers.ts';
import { createPathLookup } from './known-paths.ts';

export interface ListenerOptions {
  service: Service;
  settings: Settings;
  metrics: Metrics;
  routes: Route[];
  /** Answers the requests that are neither refused nor for the fast path. */
  app: RequestListener;
  /** Holds the answers that have not ended. Those of the fast path end at once. */
  openResponses: Set<ServerResponse>;
  logAccess: AccessLog;
  /** Receives an answer that began and did not end. */
  onAborted(response: ServerResponse, path: string, requestId: string): void;
}

/** As in nginx's log: the client left before there was an answer. */
const CLIENT_LEFT = 499;

/**
 * Handles each request before Hono: request id, common headers, guard, CORS preflight, metrics and
 * access log. Hono's middleware cannot do this, because answers of the fast path and to unparsable
 * requests never reach Hono.
 */
export function createListener(options: ListenerOptions): RequestListener {
  const { service, settings, metrics, routes, app, openResponses, logAccess } = options;
  const check = createGuard(settings, routes);
  const finish = createFinisher(options);
  const common = commonHeaders(settings.corsOrigin);
  const requestIdOf = createRequestIds();
  const answerFast = createFastPath(service, settings, metrics, common, logAccess);

  return (request, response) => {
    const startMs = performance.now();
    const { rawHeaders } = request;
    const url = originForm(request.url ?? '/');
    request.url = url;
    const givenId = hasHeader(rawHeaders, 'x-request-id') ? request.headers['x-request-id'] : undefined;
    const requestId = requestIdOf(givenId);
    if (answerFast(request, response, requestId, startMs)) return;

    response.setHeader('X-Request-Id', requestId);
    for (let i = 0; i < common.length; i += 2)
      response.setHeader(common[i] as string, common[i + 1] as string);
    if (service.current) response.setHeader('X-Model-Version', service.current.version);
    const path = url.split(/[?#]/, 1)[0] as string;
    openResponses.add(response);
    response.once('close', () => {
      openResponses.delete(response);
      finish(response, path, requestId, startMs);
    });

    const refusal = check(request);
    if (refusal) {
      const { status, headers, body } = formatError(refusal, path);
      response.writeHead(status, headers);
      response.end(body);
    } else if (settings.corsOrigin && isPreflight(request)) answerPreflight(response);
    else app(request, response);
  };
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'authorization, content-type, x-request-id',
    'Access-Control-Max-Age': '600',
  });
  response.end();
}

/** Returns a function that counts and logs an answer that has ended, whole or not. */
function createFinisher({ metrics, routes, logAccess, onAborted }: ListenerOptions) {
  const lookUp = createPathLookup(routes);
  return (response: ServerResponse, path: string, requestId: string, startMs: number): void => {
    const seconds = (performance.now() - startMs) / 1_000;
    const { headersSent, statusCode, req } = response;
    const { method = '' } = req;
    // unparsable-requests.ts sets the status if it answered on the socket itself.
    const status = headersSent || statusCode !== 200 ? statusCode : CLIENT_LEFT;
    metrics.durations(method, lookUp(path)?.path ?? 'other', status).observe(seconds);
    if (headersSent && !response.writableFinished) onAborted(response, path, requestId);
    logAccess(method, path, status, seconds, requestId);
  };
}
