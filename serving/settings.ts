import { availableParallelism } from 'node:os';
import * as z from 'zod';

/** A value of the environment or an argument that cannot be used. */
export class SettingError extends Error {}

interface Setting<T> {
  /** The environment variable. */
  variable: string;
  /** As the text of the variable. */
  default: string;
  schema: z.ZodType<T, string>;
  help: string;
  /** Whether errors must not show the value. */
  isSecret?: boolean;
}

const MAX_WORKERS = 256;

/**
 * All settings of the server. docs/serving.md has them as a table, which a test compares with this
 * one.
 */
export const SETTINGS = {
  store: setting('STORE', 'data/store', folder(), 'folder with the models'),
  port: setting('PORT', '3000', integer(0, 65_535), 'port to listen on; 0 for any that is free'),
  host: setting('HOST', '127.0.0.1', z.string(), 'address to listen on'),
  workers: setting(
    'WORKERS',
    '1',
    integer(0, MAX_WORKERS).transform((count) => count || availableParallelism()),
    'number of processes; 0 for one per core',
  ),
  pollMs: setting('POLL_MS', '2000', integer(5, 3_600_000), 'how often to look for another model'),
  shadow: setting(
    'SHADOW',
    'newest',
    z.string().regex(/^(newest|off|\d{4}-\d{2}-\d{2})$/, 'give newest, off, or an as-of date as YYYY-MM-DD'),
    'challenger that also scores the requests: an as-of date, newest, or off',
  ),
  drainMs: setting('DRAIN_MS', '2000', integer(0, 600_000), 'time for running requests after SIGTERM'),
  accessLog: setting('ACCESS_LOG', '0', decimal(0, 1), 'share of requests to log'),
  rateLimit: setting(
    'RATE_LIMIT',
    '0',
    integer(0, 1_000_000),
    'requests per second from one address to one process; 0 for no limit',
  ),
  bodyLimit: setting('BODY_LIMIT', '67108864', integer(0, 2 ** 40), 'bytes of a body'),
  headerLimit: setting('HEADER_LIMIT', '16384', integer(1_024, 2 ** 20), 'bytes of the headers'),
  headersTimeoutMs: setting('HEADERS_TIMEOUT_MS', '10000', integer(100, 600_000), 'time for the headers'),
  requestTimeoutMs: setting(
    'REQUEST_TIMEOUT_MS',
    '60000',
    integer(100, 3_600_000),
    'time for the whole request',
  ),
  idleTimeoutMs: setting(
    'IDLE_TIMEOUT_MS',
    '65000',
    integer(100, 3_600_000),
    'time that a connection may idle',
  ),
  corsOrigin: setting('CORS_ORIGIN', '', origin(), 'origin that browsers may call from, or *'),
  token: {
    ...setting('TOKEN', '', token(), "bearer token; /health/* and the page's files stay open"),
    isSecret: true,
  },
};

export type Settings = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };

/**
 * Reads the settings. An empty variable counts as not set.
 * @param args the arguments: none, or --workers N
 * @throws SettingError that names the variable and what it takes
 */
export function readSettings(environment: Record<string, string | undefined>, args: string[] = []): Settings {
  const given: Record<string, string | undefined> = { ...environment, ...readArguments(args) };
  const entries = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const text = given[setting.variable] || setting.default;
    const result = setting.schema.safeParse(text);
    if (result.success) return [name, result.data];
    const shown = setting.isSecret ? setting.variable : `${setting.variable}=${text}`;
    throw new SettingError(`${shown}: ${result.error.issues[0]?.message}`);
  });
  return Object.fromEntries(entries) as Settings;
}

/** The one argument, as the variable that it overrides. */
function readArguments(args: string[]): { WORKERS?: string } {
  if (args.length === 0) return {};
  const count = /^--workers[= ](\d{1,3})$/.exec(args.join(' '))?.[1];
  if (count === undefined || Number(count) > MAX_WORKERS)
    throw new SettingError(
      `${args.join(' ')}: the only option is --workers N, with N from 0 to ${MAX_WORKERS}`,
    );
  return { WORKERS: count };
}

function setting<T>(
  variable: string,
  defaultText: string,
  schema: z.ZodType<T, string>,
  help: string,
): Setting<T> {
  return { variable, default: defaultText, schema, help };
}

function integer(min: number, max: number) {
  return numberText(/^\d+$/, min, max, `give a number from ${min} to ${max}`);
}

function decimal(min: number, max: number) {
  return numberText(/^(\d+\.?\d*|\.\d+)$/, min, max, `give a decimal number from ${min} to ${max}`);
}

function numberText(pattern: RegExp, min: number, max: number, message: string) {
  return z
    .string()
    .refine((text) => pattern.test(text) && Number(text) >= min && Number(text) <= max, message)
    .transform(Number);
}

function folder() {
  return z.string().refine((store) => !/^[a-z\d]+:\/\//i.test(store), 'is not a local folder; use a path');
}

/**
 * Browsers compare the header of the answer with their own spelling of the origin, character by
 * character.
 */
function origin() {
  return z
    .string()
    .refine(
      (text) => text === '' || text === '*' || URL.parse(text)?.origin === text,
      'give * or one origin as browsers send it, such as https://a.example',
    );
}

function token() {
  return z
    .string()
    .regex(/^[!-~]*$/, 'give visible ASCII characters without blanks; a header cannot carry others');
}
