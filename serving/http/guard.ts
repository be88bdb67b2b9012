import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RequestError } from '../problem.ts';
import type { Route } from '../route.ts';
import type { Settings } from '../settings.ts';
import { createPathLookup } from './known-paths.ts';

/** Number of addresses whose rate is kept; beyond it the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

/** A path that normalization does not change: nothing encoded, no segment begins with a dot. */
const PLAIN_PATH = /^(\/[\w-][\w.-]*)+$|^\/$/;

/** A name or an IPv4 address, or an IPv6 address in brackets; with or without a port. */
const HOST = /^([a-z\d][\w.-]*|\[[\da-f:.]+\])(:\d{1,5})?$/i;

/** A URL in absolute form: its authority and the rest. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/i;

/**
 * Checks URL, Host, token, rate and Content-Length of a request before anything of its body is
 * read. Only a plain path can be open or unlimited, since a path such as /health/../metrics leads
 * to another route. Hono's bearer-auth limits the characters of a token and answers 400 to a
 * malformed one; its body-limit keeps a chunked body in memory.
 * @returns a function that returns the error, or undefined if the request may pass
 */
export function createGuard(
  { token, rateLimit, bodyLimit }: Settings,
  routes: Route[],
  nowMs: () => number = performance.now.bind(performance),
): (request: IncomingMessage) => RequestError | undefined {
  const lookUp = createPathLookup(routes);
  const isToken = createTokenCheck(token);
  const isWithinRate = createRateLimit(rateLimit, nowMs);

  return ({ url = '', socket, method, headers, rawHeaders }) => {
    const path = url.split('?', 1)[0] as string;
    const known = PLAIN_PATH.test(path) ? lookUp(path) : undefined;
    if (!url.startsWith('/') || !hasValidHost(rawHeaders))
      return new RequestError(400, 'send a path that begins with /, and one valid Host');
    if (rateLimit > 0 && !known?.isUnlimited && !isWithinRate(socket.remoteAddress ?? ''))
      return new RequestError(429, `more than ${rateLimit} requests a second came from this address`, [], {
        'retry-after': '1',
      });
    if (token && !known?.isOpen && method !== 'OPTIONS' && !isToken(headers.authorization))
      return new RequestError(401, 'send the token as Authorization: Bearer …', [], {
        'www-authenticate': 'Bearer',
      });
    if (Number(headers['content-length'] ?? 0) > bodyLimit)
      return new RequestError(413, `the body is over ${bodyLimit} bytes; send it in parts`, [], {
        connection: 'close',
      });
    return undefined;
  };
}

/** A token bucket for each address. It holds the requests of one second. */
function createRateLimit(rate: number, nowMs: () => number): (address: string) => boolean {
  const buckets = new Map<string, { left: number; at: number }>();
  return (address) => {
    const now = nowMs();
    const bucket = buckets.get(address) ?? { left: rate, at: now };
    bucket.left = Math.min(rate, bucket.left + ((now - bucket.at) / 1_000) * rate);
    bucket.at = now;
    if (!buckets.has(address) && buckets.size >= MAX_ADDRESSES)
      buckets.delete(buckets.keys().next().value as string);
    buckets.set(address, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  };
}

/** Compares digests: they have one length, so that the comparison takes constant time. */
function createTokenCheck(token: string): (authorization: string | undefined) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(token);
  return (authorization = '') =>
    timingSafeEqual(digest(/^bearer +(.*)$/i.exec(authorization)?.[1] ?? ''), expected);
}

/**
 * The path and query of a URL in absolute form (RFC 9112, 3.2.2), as proxies send it. Returns any
 * other URL unchanged.
 */
export function originForm(url: string): string {
  const [, authority = '', rest = ''] = ABSOLUTE_FORM.exec(url) ?? [];
  if (!HOST.test(authority)) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/**
 * Whether Host is given at most once and is valid. Hono finds routes in `http://<Host><url>`: a
 * Host that contains a / or ? would lead to another path than the one that the guard checked.
 */
export function hasValidHost(rawHeaders: string[]): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (++hosts > 1 || !HOST.test(rawHeaders[i + 1] as string)) return false;
  }
  return true;
}
