import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RequestError } from '../problem.ts';
import type { Settings } from '../settings.ts';

/** Addresses whose rate is known at once; beyond, the oldest is forgotten. */
const ADDRESSES = 10_000;

/**
 * What is answered without a token: health, and the page's files, which hold nothing of the store. Whole paths: what only
 * begins like one of them may lead elsewhere (/health/../metrics).
 */
const OPEN = /^\/(health\/(live|ready)|page\/[\w-]+\.(css|js|svg))?(\?|$)/;

/** What is answered however often it is asked for: probes, metrics and what is the same for all. Whole paths here, too. */
const UNLIMITED =
  /^\/((v2\/)?health\/(live|ready)|metrics|openapi\.json|docs(\/[\w-]+\.(css|js))?|page\/[\w-]+\.(css|js|svg))?(\?|$)/;

/** A name or an IPv4 address, or an IPv6 address in brackets; a port after it or not. */
const HOST = /^([a-z\d][\w.-]*|\[[\da-f:.]+\])(:\d{1,5})?$/i;

/** Checks target, Host, token, rate and announced length of requests. */
export function createGuard(
  { token, rateLimit, bodyLimit }: Settings,
  now: () => number = performance.now.bind(performance),
): (request: IncomingMessage) => RequestError | undefined {
  const expected = digest(token);
  const buckets = new Map<string, { left: number; at: number }>();

  return (request) => {
    const { url = '', socket, method, headers, rawHeaders } = request;
    if (!url.startsWith('/') || !hasSoundHost(rawHeaders))
      return new RequestError(400, 'give a path that begins with /, and one Host that is one');
    if (rateLimit > 0 && !UNLIMITED.test(url) && !take(socket.remoteAddress ?? ''))
      return refuse(429, `more than ${rateLimit} requests a second came from this address`, {
        'retry-after': '1',
      });
    if (token && !OPEN.test(url) && method !== 'OPTIONS') {
      const given = /^bearer +(.*)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
      if (!timingSafeEqual(digest(given), expected))
        return refuse(401, 'send the token as Authorization: Bearer …', { 'www-authenticate': 'Bearer' });
    }
    if (Number(headers['content-length'] ?? 0) > bodyLimit)
      return refuse(413, `the body is over ${bodyLimit} bytes; send it in parts`, { connection: 'close' });
    return undefined;
  };

  /** A token bucket that holds one second's worth. */
  function take(address: string): boolean {
    const time = now();
    const bucket = buckets.get(address) ?? { left: rateLimit, at: time };
    bucket.left = Math.min(rateLimit, bucket.left + ((time - bucket.at) / 1_000) * rateLimit);
    bucket.at = time;
    if (!buckets.has(address) && buckets.size >= ADDRESSES)
      buckets.delete(buckets.keys().next().value as string);
    buckets.set(address, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}

/**
 * Whether Host is given once and is one, or is not given at all. Routes are found in `http://<Host><url>`, so that a Host with
 * a / or ? in it, or with what becomes one, would lead to another path than the one that is judged here.
 */
export function hasSoundHost(rawHeaders: string[]): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (++hosts > 1 || !HOST.test(rawHeaders[i + 1] as string)) return false;
  }
  return true;
}

function refuse(status: number, detail: string, headers: Record<string, string>): RequestError {
  return new RequestError(status, detail, [], headers);
}

// Digests have one length, so that the comparison takes one time.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
