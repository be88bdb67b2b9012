import { randomBytes } from 'node:crypto';

const REQUEST_ID = /^[\w.:-]{1,128}$/;

const SECURITY = [
  ...['X-Content-Type-Options', 'nosniff'],
  ...['X-Frame-Options', 'DENY'],
  ...['Referrer-Policy', 'no-referrer'],
];

/** What scripts of the other origin may read beside the body. */
const EXPOSED = 'X-Request-Id, X-Model-Version, Retry-After, Allow, WWW-Authenticate';

/** Headers that every answer has, names and values by turns. */
export function commonHeaders(corsOrigin: string): string[] {
  if (!corsOrigin) return SECURITY;
  return [
    ...SECURITY,
    ...['Access-Control-Allow-Origin', corsOrigin],
    ...['Access-Control-Expose-Headers', EXPOSED],
    ...['Vary', 'Origin'],
  ];
}

/** Gives a request the id that its caller gave it, if that is one, or else one that no other request of any process has. */
export function createIds(): (given?: string | string[]) => string {
  const prefix = `${randomBytes(6).toString('hex')}-`;
  let serial = 0;
  return (given) => (typeof given === 'string' && REQUEST_ID.test(given) ? given : prefix + serial++);
}
