import { availableParallelism } from 'node:os';

/** A value of the environment that cannot be used. */
export class SettingError extends Error {}

/** All that the server can be told. */
export type Settings = ReturnType<typeof readSettings>;

/**
 * Reads the settings; an empty variable counts as not given. docs/serving.md has them as a table.
 * @throws SettingError that names the variable and what it takes
 */
export function readSettings(environment: Record<string, string | undefined>, args: string[] = []) {
  const text = (name: string, otherwise: string) => environment[name] || otherwise;
  const number = (name: string, otherwise: number, min: number, max: number, isWhole = true) => {
    const given = text(name, String(otherwise));
    const value = (isWhole ? /^\d+$/ : /^(\d+\.?\d*|\.\d+)$/).test(given) ? Number(given) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new SettingError(
        `${name}=${given}: give a ${isWhole ? '' : 'decimal '}number from ${min} to ${max}`,
      );
    return value;
  };
  return {
    store: checkStore(text('STORE', 'data/store')),
    port: number('PORT', 3000, 0, 65_535),
    host: text('HOST', '127.0.0.1'),
    /** Processes that answer; 0 takes one a core. */
    workers: readWorkers(args) ?? (number('WORKERS', 1, 0, 256) || availableParallelism()),
    /** How often to look whether another model was promoted. */
    pollMs: number('POLL_MS', 2_000, 5, 3_600_000),
    /** The as-of date of the challenger; `off` for none, `newest` for the newest model that is not in service. */
    shadow: text('SHADOW', 'newest'),
    /** How long requests that are under way may take once the server is told to stop. */
    drainMs: number('DRAIN_MS', 2_000, 0, 600_000),
    /** The share of requests that are logged. */
    accessLog: number('ACCESS_LOG', 0, 0, 1, false),
    /** Requests a second that an address may send to each process; 0 for no limit. */
    rateLimit: number('RATE_LIMIT', 0, 0, 1_000_000),
    /** Bytes of a request's body, and of its headers. */
    bodyLimit: number('BODY_LIMIT', 64 * 2 ** 20, 0, 2 ** 40),
    headerLimit: number('HEADER_LIMIT', 16_384, 1_024, 2 ** 20),
    /** How long the headers and the whole of a request may take to arrive. */
    headersTimeoutMs: number('HEADERS_TIMEOUT_MS', 10_000, 100, 600_000),
    requestTimeoutMs: number('REQUEST_TIMEOUT_MS', 60_000, 100, 3_600_000),
    /** How long a connection may idle between requests. */
    idleTimeoutMs: number('IDLE_TIMEOUT_MS', 65_000, 100, 3_600_000),
    /** The origin that browsers may ask from, or *; none if empty. */
    corsOrigin: checkOrigin(text('CORS_ORIGIN', '')),
    /** What callers must send as a bearer token; none if empty. /health/ stays open. */
    token: checkToken(text('TOKEN', '')),
  };
}

function checkStore(store: string): string {
  if (/^[a-z\d]+:\/\//i.test(store))
    throw new SettingError(`STORE=${store}: only a local folder can be a store for now`);
  return store;
}

/** Browsers send an origin in one spelling, and compare what they get with it letter by letter. */
function checkOrigin(origin: string): string {
  const isOrigin = origin === '' || origin === '*' || URL.parse(origin)?.origin === origin;
  if (!isOrigin)
    throw new SettingError(
      `CORS_ORIGIN=${origin}: give * or one origin as browsers send it, such as https://a.example`,
    );
  return origin;
}

/** What it is stays untold, also where it is wrong. */
function checkToken(token: string): string {
  if (!/^[!-~]*$/.test(token))
    throw new SettingError('TOKEN: give visible ASCII characters without blanks; a header carries no others');
  return token;
}

function readWorkers(args: string[]): number | undefined {
  if (args.length === 0) return undefined;
  const given = /^--workers[= ](\d{1,3})$/.exec(args.join(' '))?.[1];
  if (given === undefined || Number(given) > 256)
    throw new SettingError(`${args.join(' ')}: the one option is --workers N, with N from 0 to 256`);
  return Number(given) || availableParallelism();
}
