import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Service } from '../champion/service.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { tell } from '../problem.ts';
import type { Settings } from '../settings.ts';
import type { AccessLog } from './access-log.ts';
import { createGuard, hasSoundHost } from './guard.ts';
import { commonHeaders, createIds } from './headers.ts';
import { readPlain } from './query.ts';

export interface Around {
  service: Service;
  settings: Settings;
  metrics: Metrics;
  /** Everything but the short way. */
  app: RequestListener;
  /** Holds the answers that are being made, but for those of the short way, which are made at once. */
  underWay: Set<ServerResponse>;
  report: AccessLog;
  /** Is told of an answer that had begun and did not come to its end. */
  cutOff(response: ServerResponse, path: string, id: string): void;
}

/** What nginx logs, too, where the client left before there was an answer. */
const CLIENT_LEFT = 499;

/** What goes around every route: request ids, limits, headers, metrics and the access log; and the short way. */
export function createListener({
  service,
  settings,
  metrics,
  app,
  underWay,
  report,
  cutOff,
}: Around): RequestListener {
  const check = createGuard(settings);
  const { accessLog, corsOrigin, token, rateLimit } = settings;
  const isOpen = !token && rateLimit === 0;
  const common = commonHeaders(corsOrigin);
  const idFor = createIds();
  const plain = metrics.answers('GET', '/predict', 200);
  // Filled in anew for each answer; Node has written them out before the next request is looked at.
  const [LENGTH, VERSION, ID] = [3, 5, 7];
  const headers = [
    ...['Content-Type', 'application/json', 'Content-Length', ''],
    ...['X-Model-Version', '', 'X-Request-Id', '', ...common],
  ];

  return (request, response) => {
    const start = performance.now();
    const { url = '/' } = request;
    const isBare = hasNoneOfOurs(request.rawHeaders);
    const id = idFor(isBare ? undefined : request.headers['x-request-id']);
    const { current } = service;
    const row = isOpen && current && request.method === 'GET' ? readPlain(url) : null;
    if (
      row &&
      current &&
      hasSoundHost(request.rawHeaders) &&
      (isBare || !('content-length' in request.headers))
    ) {
      const prediction = current.predictor.predict(row[0], row[1]);
      service.observe?.(row[0], row[1], prediction);
      service.succeed?.();
      const body = String(Math.round(prediction.point));
      headers[LENGTH] = String(body.length);
      headers[VERSION] = current.version;
      headers[ID] = id;
      response.writeHead(200, headers);
      response.end(body);
      const seconds = (performance.now() - start) / 1_000;
      plain.observe(seconds);
      if (accessLog > 0) report('GET', '/predict', 200, seconds, id);
      return;
    }
    response.setHeader('X-Request-Id', id);
    for (let i = 0; i < common.length; i += 2)
      response.setHeader(common[i] as string, common[i + 1] as string);
    if (current) response.setHeader('X-Model-Version', current.version);
    const path = url.split(/[?#]/, 1)[0] as string;
    underWay.add(response);
    response.once('close', () => {
      underWay.delete(response);
      finish(request, response, path, id, start);
    });

    const refusal = check(request);
    if (refusal) {
      const { status, headers, body } = tell(refusal, path);
      response.writeHead(status, headers);
      response.end(body);
    } else if (
      corsOrigin &&
      request.method === 'OPTIONS' &&
      request.headers['access-control-request-method']
    ) {
      response.writeHead(204, {
        'Access-Control-Allow-Methods': 'GET, POST',
        'Access-Control-Allow-Headers': 'authorization, content-type, x-request-id',
        'Access-Control-Max-Age': '600',
      });
      response.end();
    } else app(request, response);
  };

  function finish(
    { method = '' }: IncomingMessage,
    response: ServerResponse,
    path: string,
    id: string,
    start: number,
  ): void {
    const seconds = (performance.now() - start) / 1_000;
    // Without an answer a status other than the default is that of what was sent in its stead.
    const { headersSent, statusCode } = response;
    const status = headersSent || statusCode !== 200 ? statusCode : CLIENT_LEFT;
    metrics.answers(method, path, status).observe(seconds);
    if (headersSent && !response.writableFinished) cutOff(response, path, id);
    if (accessLog > 0) report(method, path, status, seconds, id);
  }
}

/** Whether no header can be one that is asked for here, by the lengths of their names: parsing them all costs more. */
function hasNoneOfOurs(rawHeaders: string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i] as string;
    if (length === 'x-request-id'.length || length === 'content-length'.length) return false;
  }
  return true;
}
