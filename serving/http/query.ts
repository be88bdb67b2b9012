import { type Fault, RequestError } from '../problem.ts';

/** What the assignment's clients send: a decimal number, with an exponent or without. */
const DECIMAL = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** GET /predict as nearly all clients spell it. */
const PLAIN =
  /^\/predict\?vol_moving_avg=(\d{1,20}(?:\.\d{1,20})?)&adj_close_rolling_med=(-?\d{1,20}(?:\.\d{1,20})?)$/;

/** The volume average and price median of a plainly spelled question, as parseQuery would read them; null for any other. */
export function readPlain(url: string): [volMovingAvg: number, adjCloseRollingMed: number] | null {
  const match = PLAIN.exec(url);
  return match && [Number(match[1]), Number(match[2])];
}

/** What GET /predict asks for. */
export interface Query {
  volMovingAvg: number;
  adjCloseRollingMed: number;
  /** Whether the answer shall be an object rather than a bare integer. */
  detail: boolean;
}

/**
 * Reads the query of GET /predict. Names that it does not know are passed over.
 * @param search what follows the question mark, still percent-encoded
 * @throws RequestError that names each wrong parameter
 */
export function parseQuery(search: string): Query {
  const query = new URLSearchParams(search);
  const volMovingAvg = readNumber(query, 'vol_moving_avg', 0);
  const adjCloseRollingMed = readNumber(query, 'adj_close_rolling_med');
  const detail = readFlag(query, 'detail');
  if (
    typeof volMovingAvg === 'string' ||
    typeof adjCloseRollingMed === 'string' ||
    typeof detail === 'string'
  )
    throw refuse({ vol_moving_avg: volMovingAvg, adj_close_rolling_med: adjCloseRollingMed, detail });
  return { volMovingAvg, adjCloseRollingMed, detail };
}

/** The number, or what is wrong with it. */
function readNumber(
  query: URLSearchParams,
  name: string,
  minimum = Number.NEGATIVE_INFINITY,
): number | string {
  const [text, second] = query.getAll(name);
  if (text === undefined) return `is missing; give it as ${name}=25.5`;
  if (second !== undefined) return 'is given more than once; give it once';
  if (text === '') return `is empty; give it as ${name}=25.5`;
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number))
    return `must be a finite decimal number such as 25.5, not ${JSON.stringify(text.slice(0, 40).toWellFormed())}`;
  return number < minimum ? 'must not be negative' : number;
}

/** The flag, or what is wrong with it. */
function readFlag(query: URLSearchParams, name: string): boolean | string {
  const [text = '0', second] = query.getAll(name);
  if (second !== undefined) return 'is given more than once; give it once';
  return text === '0' || text === '1' ? text === '1' : 'must be 1 or 0';
}

/** The texts among these are what is wrong with the parameters of those names. */
function refuse(read: Record<string, unknown>): RequestError {
  const faults = Object.entries(read)
    .filter(([, value]) => typeof value === 'string')
    .map(([parameter, reason]): Fault => ({ parameter, detail: `${parameter} ${reason}` }));
  return new RequestError(400, faults.map(({ detail }) => detail).join('; '), faults);
}
