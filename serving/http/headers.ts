import { randomBytes } from 'node:crypto';

const REQUEST_ID = /^[\w.:-]{1,128}$/;

const SECURITY_HEADERS = [
  ...['X-Content-Type-Options', 'nosniff'],
  ...['X-Frame-Options', 'DENY'],
  ...['Referrer-Policy', 'no-referrer'],
];

/** Headers that scripts of the other origin may read. */
const EXPOSED_HEADERS = 'X-Request-Id, X-Model-Version, Retry-After, Allow, WWW-Authenticate';

/**
 * Headers of every answer, names and values in turn. Hono's secure-headers and cors would not reach
 * the answers of the fast path and to unparsable requests.
 */
export function commonHeaders(corsOrigin: string): string[] {
  if (!corsOrigin) return SECURITY_HEADERS;
  return [
    ...SECURITY_HEADERS,
    ...['Access-Control-Allow-Origin', corsOrigin],
    ...['Access-Control-Expose-Headers', EXPOSED_HEADERS],
    ...['Vary', 'Origin'],
  ];
}

/**
 * Returns the id that the caller gave, if it is valid, else a new one, unique over all processes.
 * Hono's request-id refuses `.` and `:`, and its ids cost a random UUID each.
 */
export function createRequestIds(): (given?: string | string[]) => string {
  const prefix = `${randomBytes(6).toString('hex')}-`;
  let serial = 0;
  return (given) => (typeof given === 'string' && REQUEST_ID.test(given) ? given : prefix + serial++);
}
