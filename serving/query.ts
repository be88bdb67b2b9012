import { type Fault, RequestError } from './problem.ts';

/** What the assignment's clients send: a decimal number, with an exponent or without. */
const DECIMAL = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

const BEFORE_AVERAGE = '/predict?vol_moving_avg=';
const BEFORE_MEDIAN = '&adj_close_rolling_med=';
const POINT = '.'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
/** Numbers of more characters are left to parseQuery. */
const LONGEST = 40;
/** So many digits make a whole number that a double holds, as it does the power of ten of their places: the ratio is rounded right. */
const EXACT = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT }, (_, places) => Number(`1e${places}`));

/**
 * The volume average and price median of a question that is spelled as nearly all clients spell it, as parseQuery would read them;
 * null for any other. A regular expression would do it in a line, and made a request 5 % dearer.
 */
export function readPlain(url: string): [volumeAverage: number, priceMedian: number] | null {
  if (!url.startsWith(BEFORE_AVERAGE)) return null;
  const end = url.indexOf('&', BEFORE_AVERAGE.length);
  if (!url.startsWith(BEFORE_MEDIAN, end)) return null;
  const start = end + BEFORE_MEDIAN.length;
  const isNegative = url[start] === '-';
  const average = readDigits(url, BEFORE_AVERAGE.length, end);
  const median = readDigits(url, isNegative ? start + 1 : start, url.length);
  if (Number.isNaN(average) || Number.isNaN(median)) return null;
  return [average, isNegative ? -median : median];
}

/** The number spelled from start to end by digits alone, or with a point among them; NaN if it is spelled otherwise. */
function readDigits(text: string, start: number, end: number): number {
  const length = end - start;
  if (length < 1 || length > LONGEST) return Number.NaN;
  let digits = 0;
  let point = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code >= ZERO && code <= NINE) digits = digits * 10 + (code - ZERO);
    else if (code === POINT && !point && i > start && i < end - 1) point = i;
    else return Number.NaN;
  }
  if (length > EXACT) return Number(text.slice(start, end));
  return point ? digits / (POWERS_OF_TEN[end - 1 - point] as number) : digits;
}

/** What GET /predict asks for. */
export interface Query {
  volumeAverage: number;
  priceMedian: number;
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
  const volumeAverage = readNumber(query, 'vol_moving_avg', 0);
  const priceMedian = readNumber(query, 'adj_close_rolling_med');
  const detail = readFlag(query, 'detail');
  if (typeof volumeAverage === 'string' || typeof priceMedian === 'string' || typeof detail === 'string')
    throw refuse({ vol_moving_avg: volumeAverage, adj_close_rolling_med: priceMedian, detail });
  return { volumeAverage, priceMedian, detail };
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
