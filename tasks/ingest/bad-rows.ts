import { decodeCsv, splitLines, splitRecord, toPlainCsv } from './csv.ts';

export const PRICE_COLUMNS = ['Date', 'Open', 'High', 'Low', 'Close', 'Adj Close', 'Volume'] as const;

const HEADER = PRICE_COLUMNS.join(',');

/** A line that is not a valid row of prices. The header is line 1. */
export interface BadRow {
  line: number;
  text: string;
  reason: string;
}

/** Characters of a row without quotes. DuckDB has a limit, too. A row of the Kaggle set has 110. */
export const MAX_LINE_LENGTH = 1000;

/** Characters of a field that a message quotes. */
const MAX_QUOTED = 50;

/** Characters of a header that a message quotes. */
const MAX_QUOTED_HEADER = 200;

const NUMBER = /^[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*$/;

/**
 * The bad lines of a price file, with reasons. Called only after DuckDB, which reads the files,
 * refused one: DuckDB does not name the line.
 */
export function findBadRows(content: Buffer): BadRow[] {
  const [header, ...rows] = splitLines(decodeCsv(content))
    .map((text, index) => ({ line: index + 1, text }))
    .filter(({ text }) => text !== '');
  if (!header) return [{ line: 1, text: '', reason: 'the file is empty' }];
  const fault =
    header.line > 1 ? 'the file starts with a blank line, not with the header' : headerFault(header.text);
  if (fault) {
    const top = { line: 1, text: '\n'.repeat(header.line - 1) + header.text };
    return [top, ...rows].map((row) => ({ ...row, reason: fault }));
  }

  const bad: BadRow[] = [];
  const lineOfDate = new Map<string, number>();
  for (const { line, text } of rows) {
    const reason = rowFault(text, line, lineOfDate);
    if (reason) bad.push({ line, text, reason });
  }
  return bad;
}

/**
 * A price file without its bad rows, in plain form. If the header is bad, only a good header is
 * left.
 */
export function removeBadRows(content: Buffer, bad: BadRow[]): string {
  const lines = new Set(bad.map(({ line }) => line));
  if (lines.has(1)) return `${HEADER}\n`;
  return `${splitLines(decodeCsv(toPlainCsv(content)))
    .filter((text, index) => text !== '' && !lines.has(index + 1))
    .join('\n')}\n`;
}

/** Whether a price file with LF or CRLF line ends starts with the right header. */
export function hasGoodHeader(content: Buffer): boolean {
  const newline = content.indexOf('\n');
  return headerFault(decodeCsv(newline < 0 ? content : content.subarray(0, newline))) === undefined;
}

function headerFault(header: string): string | undefined {
  const names = splitRecord(header).fields;
  const missing = PRICE_COLUMNS.filter((column) => !names.includes(column));
  if (missing.length > 0)
    return `the header lacks ${missing.map((column) => `"${column}"`).join(' and ')}; it must be ${HEADER}`;
  if (names.join() !== HEADER)
    return `the header is ${shorten(names.join(), MAX_QUOTED_HEADER)}; it must be ${HEADER}`;
  return undefined;
}

/** Adds the row's date to `lineOfDate` if the row is good. */
function rowFault(text: string, line: number, lineOfDate: Map<string, number>): string | undefined {
  const { fields } = splitRecord(text);
  if (fields.length !== PRICE_COLUMNS.length)
    return `there are ${fields.length} fields instead of ${PRICE_COLUMNS.length}`;
  if (fields.join().length > MAX_LINE_LENGTH) return `the row has more than ${MAX_LINE_LENGTH} characters`;
  const [date = '', ...numbers] = fields;
  if (!isDate(date)) return `Date ${quote(date)} is not a date written YYYY-MM-DD`;
  for (const [index, field] of numbers.entries()) {
    const fault = numberFault(PRICE_COLUMNS[index + 1] as string, field);
    if (fault) return fault;
  }
  const first = lineOfDate.get(date);
  if (first) return `Date ${date} was already on line ${first}`;
  lineOfDate.set(date, line);
  return undefined;
}

function numberFault(column: string, field: string): string | undefined {
  if (field === '') return undefined;
  const subject = `${column} ${quote(field)}`;
  if (!NUMBER.test(field)) return `${subject} is not a number`;
  const value = Number(field);
  if (!Number.isFinite(value)) return `${subject} is too large`;
  if (column !== 'Volume') return undefined;
  if (!Number.isInteger(value)) return `${subject} is not a whole number`;
  if (value < 0) return `${subject} is negative`;
  if (!Number.isSafeInteger(value)) return `${subject} is more than ${Number.MAX_SAFE_INTEGER}`;
  return undefined;
}

function quote(field: string): string {
  return `"${shorten(field, MAX_QUOTED)}"`;
}

function shorten(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
