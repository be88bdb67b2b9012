import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createGuard } from './guard.ts';
import type { Metrics } from './metrics.ts';
import type { Service } from './service.ts';
import type { Settings } from './settings.ts';

/** GET /predict as nearly all clients spell it; what is spelled otherwise goes the long way, to the same answer. */
const USUAL =
  /^\/predict\?vol_moving_avg=(\d{1,20}(?:\.\d{1,20})?)&adj_close_rolling_med=(-?\d{1,20}(?:\.\d{1,20})?)$/;
const REQUEST_ID = /^[\w.:-]{1,128}$/;
const SECURITY = [
  'X-Content-Type-Options',
  'nosniff',
  'X-Frame-Options',
  'DENY',
  'Referrer-Policy',
  'no-referrer',
];

export interface Around {
  service: Service;
  settings: Settings;
  metrics: Metrics;
  /** Everything but the short way. */
  app: RequestListener;
  /** The text of /metrics, of all processes. */
  scrape(): Promise<string>;
  log(fields: Record<string, string | number>): void;
}

/** What goes around every route: request ids, limits, headers, metrics and the access log; and the short way. */
export function createListener({ service, settings, metrics, app, scrape, log }: Around): RequestListener {
  const check = createGuard(settings);
  const { accessLog, corsOrigin, token, rateLimit } = settings;
  const isOpen = !token && rateLimit === 0;
  const common = corsOrigin
    ? [...SECURITY, 'Access-Control-Allow-Origin', corsOrigin, 'Vary', 'Origin']
    : SECURITY;
  const prefix = `${randomBytes(6).toString('hex')}-`;
  let serial = 0;

  return (request, response) => {
    const start = performance.now();
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : prefix + (serial++).toString(36);
    const { url = '/' } = request;
    const usual = isOpen && request.method === 'GET' ? USUAL.exec(url) : null;
    if (usual && service.current && !('content-length' in request.headers)) {
      const { predictor, version } = service.current;
      const [average, median] = [Number(usual[1]), Number(usual[2])];
      const prediction = predictor.predict(average, median);
      service.observe?.(average, median, prediction);
      const body = String(Math.round(prediction.p50));
      response.writeHead(200, [
        ...['Content-Type', 'application/json', 'Content-Length', String(body.length)],
        ...['X-Model-Version', version, 'X-Request-Id', id],
        ...common,
      ]);
      response.end(body);
      finish(request, response, '/predict', id, start);
      return;
    }
    response.setHeader('X-Request-Id', id);
    for (let i = 0; i < common.length; i += 2)
      response.setHeader(common[i] as string, common[i + 1] as string);
    if (service.current) response.setHeader('X-Model-Version', service.current.version);
    const path = url.split(/[?#]/, 1)[0] as string;
    response.once('close', () => finish(request, response, path, id, start));

    const refusal = check(request);
    if (refusal) {
      const { headers, ...rest } = refusal;
      response.writeHead(rest.status, { ...headers, 'Content-Type': 'application/problem+json' });
      response.end(JSON.stringify({ type: 'about:blank', ...rest }));
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
    } else if (path === '/metrics' && request.method === 'GET') {
      scrape().then(
        (text) => response.writeHead(200, { 'Content-Type': metrics.register.contentType }).end(text),
        () => response.writeHead(503).end(),
      );
    } else app(request, response);
  };

  function finish(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    id: string,
    start: number,
  ): void {
    const seconds = (performance.now() - start) / 1_000;
    const { method = '' } = request;
    metrics.observe(method, path, response.statusCode, seconds);
    if (accessLog > 0 && Math.random() < accessLog)
      log({ method, path: path.slice(0, 200), status: response.statusCode, seconds, request_id: id });
  }
}
