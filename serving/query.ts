import { parameterError } from './problem.ts';

/** What the assignment's clients send: a decimal number, with an exponent or without. */
const DECIMAL = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** GET /predict as nearly all clients spell it. */
const PLAIN =
  /^\/predict\?vol_moving_avg=(\d{1,20}(?:\.\d{1,20})?)&adj_close_rolling_med=(-?\d{1,20}(?:\.\d{1,20})?)$/;

/** The volume average and price median of a plainly spelled question, as parseQuery would read them; null for any other. */
export function readPlain(url: string): [volumeAverage: number, priceMedian: number] | null {
  const match = PLAIN.exec(url);
  return match && [Number(match[1]), Number(match[2])];
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
 * @throws RequestError that names the parameter
 */
export function parseQuery(search: string): Query {
  const query = new URLSearchParams(search);
  const volumeAverage = readNumber(query, 'vol_moving_avg');
  if (volumeAverage < 0) throw parameterError('vol_moving_avg', 'must not be negative');
  return {
    volumeAverage,
    priceMedian: readNumber(query, 'adj_close_rolling_med'),
    detail: readFlag(query, 'detail'),
  };
}

function readNumber(query: URLSearchParams, name: string): number {
  const [text, second] = query.getAll(name);
  if (text === undefined) throw parameterError(name, `is missing; give it as ${name}=25.5`);
  if (second !== undefined) throw parameterError(name, 'is given more than once; give it once');
  if (text === '') throw parameterError(name, `is empty; give it as ${name}=25.5`);
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number))
    throw parameterError(
      name,
      `must be a finite decimal number such as 25.5, not ${JSON.stringify(text.slice(0, 40).toWellFormed())}`,
    );
  return number;
}

function readFlag(query: URLSearchParams, name: string): boolean {
  const [text = '0', second] = query.getAll(name);
  if (second !== undefined) throw parameterError(name, 'is given more than once; give it once');
  if (text !== '0' && text !== '1') throw parameterError(name, 'must be 1 or 0');
  return text === '1';
}
