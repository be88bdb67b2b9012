import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics/metrics.ts';
import type { Service } from '../scoring/service.ts';
import type { Settings } from '../settings.ts';
import type { AccessLog } from './access-log.ts';
import { hasValidHost } from './guard.ts';

/** GET /predict as nearly all clients spell it. */
const USUAL_SPELLING =
  /^\/predict\?vol_moving_avg=(\d{1,20}(?:\.\d{1,20})?)&adj_close_rolling_med=(-?\d{1,20}(?:\.\d{1,20})?)$/;

/** The inputs in a URL of the usual spelling, as parseQuery reads them; null for other URLs. */
export function matchUsualSpelling(url: string): [volMovingAvg: number, adjCloseRollingMed: number] | null {
  const match = USUAL_SPELLING.exec(url);
  return match && [Number(match[1]), Number(match[2])];
}

/** Answers a request and returns true, or returns false and leaves the request untouched. */
export type FastPath = (
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  startMs: number,
) => boolean;

/**
 * Answers GET /predict in its usual spelling without Hono, with the same bytes as
 * routes/predict.ts. It exists only for speed; bench/results/serving.md compares the two.
 * @param commonHeaders headers of every answer, names and values in turn
 */
export function createFastPath(
  service: Service,
  { token, rateLimit }: Settings,
  metrics: Metrics,
  commonHeaders: string[],
  logAccess: AccessLog,
): FastPath {
  // A token and a rate limit are for the guard to check.
  if (token || rateLimit > 0) return () => false;
  const durations = metrics.durations('GET', '/predict', 200);
  // One array for all answers: Node has written it before the next request is read.
  const [LENGTH, VERSION, ID] = [3, 5, 7];
  const headers = [
    ...['Content-Type', 'application/json', 'Content-Length', ''],
    ...['X-Model-Version', '', 'X-Request-Id', '', ...commonHeaders],
  ];

  return (request, response, requestId, startMs) => {
    const { current } = service;
    if (!current || request.method !== 'GET') return false;
    const inputs = matchUsualSpelling(request.url as string);
    const { rawHeaders } = request;
    if (!inputs || !hasValidHost(rawHeaders) || hasHeader(rawHeaders, 'content-length')) return false;

    const prediction = current.predictor.predict(inputs[0], inputs[1]);
    service.observe?.(inputs[0], inputs[1], prediction);
    service.succeed?.();
    const body = String(Math.round(prediction.point));
    headers[LENGTH] = String(body.length);
    headers[VERSION] = current.version;
    headers[ID] = requestId;
    response.writeHead(200, headers);
    response.end(body);
    const seconds = (performance.now() - startMs) / 1_000;
    durations.observe(seconds);
    logAccess('GET', '/predict', 200, seconds, requestId);
    return true;
  };
}

/**
 * Searches the raw headers, because `request.headers` parses all of them, which costs more than the
 * rest of this path.
 */
export function hasHeader(rawHeaders: string[], lowerCaseName: string): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return true;
  }
  return false;
}
