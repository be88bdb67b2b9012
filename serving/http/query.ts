import { type FieldError, RequestError } from '../problem.ts';

/** A decimal number, with or without an exponent. */
const DECIMAL = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** The query of GET /predict. */
export interface Query {
  volMovingAvg: number;
  adjCloseRollingMed: number;
  /** Whether to answer with an object instead of a bare integer. */
  detail: boolean;
}

/**
 * Reads the query of GET /predict. Unknown names are ignored.
 * @param search the part after the question mark, percent-encoded
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
    throw queryError({ vol_moving_avg: volMovingAvg, adj_close_rolling_med: adjCloseRollingMed, detail });
  return { volMovingAvg, adjCloseRollingMed, detail };
}

/** The number, or a text that describes what is wrong. */
function readNumber(query: URLSearchParams, name: string, min = Number.NEGATIVE_INFINITY): number | string {
  const [text, second] = query.getAll(name);
  if (text === undefined) return `is missing; give it as ${name}=25.5`;
  if (second !== undefined) return 'is given more than once; give it once';
  if (text === '') return `is empty; give it as ${name}=25.5`;
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number))
    return `must be a finite decimal number such as 25.5, not ${JSON.stringify(text.slice(0, 40).toWellFormed())}`;
  return number < min ? 'must not be negative' : number;
}

/** The flag, or a text that describes what is wrong. */
function readFlag(query: URLSearchParams, name: string): boolean | string {
  const [text = '0', second] = query.getAll(name);
  if (second !== undefined) return 'is given more than once; give it once';
  return text === '0' || text === '1' ? text === '1' : 'must be 1 or 0';
}

/** @param results by parameter; a text describes what is wrong with it */
function queryError(results: Record<string, unknown>): RequestError {
  const fieldErrors = Object.entries(results)
    .filter(([, value]) => typeof value === 'string')
    .map(([parameter, reason]): FieldError => ({ parameter, detail: `${parameter} ${reason}` }));
  return new RequestError(400, fieldErrors.map(({ detail }) => detail).join('; '), fieldErrors);
}
