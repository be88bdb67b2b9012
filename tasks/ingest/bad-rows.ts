import { crc32 } from 'node:zlib';

export const COLUMNS = ['Date', 'Open', 'High', 'Low', 'Close', 'Adj Close', 'Volume'] as const;

/** A line that cannot become a row of prices. Lines count from 1, the header included. */
export interface BadRow {
  line: number;
  text: string;
  reason: string;
}

const [LF, CR, COMMA, QUOTE] = [0x0a, 0x0d, 0x2c, 0x22];

/** Of a field, at most, in a message. */
const MOST_QUOTED = 50;

const NUMBER = /^[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*$/;

/**
 * Says which lines of a price file are bad, and why. DuckDB reads the files; this is asked only when it found trouble,
 * since it knows neither lines nor ways out.
 */
export function findBadRows(content: Buffer): BadRow[] {
  const [header, ...rows] = splitLines(content)
    .map((text, index) => ({ line: index + 1, text }))
    .filter(({ text }) => text !== '');
  if (!header) return [{ line: 1, text: '', reason: 'the file is empty' }];
  const fault =
    header.line > 1 ? 'the file begins with a blank line, not the header' : headerFault(header.text);
  if (fault) {
    const top = { line: 1, text: header.line > 1 ? '' : header.text };
    return [top, ...rows].map((row) => ({ ...row, reason: fault }));
  }

  const bad: BadRow[] = [];
  const seen = new Map<string, number>();
  for (const { line, text } of rows) {
    const reason = rowFault(text, line, seen);
    if (reason) bad.push({ line, text, reason });
  }
  return bad;
}

/** What one look at a file's bytes tells of it. */
export interface FileFacts {
  bytes: number;
  crc32: number;
  /** Counted by line ends, independently of any parser. */
  rows: number;
  /** It holds what DuckDB would take, but prices must not have. */
  isBad: boolean;
  /** Some lines may end in CRLF and others in LF, which DuckDB refuses. */
  mayMix: boolean;
}

export function inspectFile(content: Buffer): FileFacts {
  const { rows, hasMoreFields } = readLineEnds(content);
  return {
    bytes: content.length,
    crc32: crc32(content),
    rows,
    // DuckDB would take 1_000 for a thousand, and a row with empty fields too many.
    isBad: !hasGoodHeader(content) || content.includes('_') || hasMoreFields,
    mayMix: content.includes('\r'),
  };
}

/** The file without its bad rows; nothing of it, where its header is bad. */
export function withoutRows(content: Buffer, bad: BadRow[]): string {
  const lines = new Set(bad.map(({ line }) => line));
  if (lines.has(1)) return `${COLUMNS.join(',')}\n`;
  return `${splitLines(content)
    .filter((text, index) => text !== '' && !lines.has(index + 1))
    .join('\n')}\n`;
}

/** Looks at line ends only, independently of any parser: how many rows there are, and whether one has empty fields too many. */
function readLineEnds(content: Buffer): { rows: number; hasMoreFields: boolean } {
  let lines = 0;
  let hasMoreFields = false;
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf(LF, start);
    const next = newline < 0 ? content.length : newline;
    const end = content[next - 1] === CR && next > start ? next - 1 : next;
    if (end > start) {
      lines++;
      const last = content[end - 1];
      if (last === COMMA || last === QUOTE)
        hasMoreFields ||= countCommas(content, start, end) >= COLUMNS.length;
    }
    start = next + 1;
  }
  return { rows: Math.max(lines - 1, 0), hasMoreFields };
}

function countCommas(content: Buffer, start: number, end: number): number {
  let commas = 0;
  for (let position = start; position < end; position++) if (content[position] === COMMA) commas++;
  return commas;
}

/** Whether a file begins with the columns that it must have. */
export function hasGoodHeader(content: Buffer): boolean {
  const newline = content.indexOf(0x0a);
  return headerFault(decode(newline < 0 ? content : content.subarray(0, newline))) === undefined;
}

function splitLines(content: Buffer): string[] {
  return decode(content).split(/\r?\n/);
}

function decode(content: Buffer): string {
  return new TextDecoder('utf-8', { ignoreBOM: false }).decode(content);
}

function headerFault(header: string): string | undefined {
  const names = header.replace(/\r$/, '').split(',');
  const missing = COLUMNS.filter((column) => !names.includes(column));
  if (missing.length > 0)
    return `the header lacks ${missing.map((column) => `"${column}"`).join(' and ')}; it must be ${COLUMNS.join(',')}`;
  if (names.join() !== COLUMNS.join())
    return `the header is ${shorten(names.join(','), 200)}; it must be ${COLUMNS.join(',')}`;
  return undefined;
}

function rowFault(text: string, line: number, seen: Map<string, number>): string | undefined {
  const fields = splitFields(text);
  if (fields.length !== COLUMNS.length)
    return `there are ${fields.length} fields instead of ${COLUMNS.length}`;
  const [date = '', ...numbers] = fields;
  if (!isDate(date)) return `Date ${quote(date)} is not a date written YYYY-MM-DD`;
  for (const [index, field] of numbers.entries()) {
    if (field === '') continue;
    const told = `${COLUMNS[index + 1]} ${quote(field)}`;
    if (!NUMBER.test(field)) return `${told} is not a number`;
    if (!Number.isFinite(Number(field))) return `${told} is too large`;
    if (COLUMNS[index + 1] !== 'Volume') continue;
    if (!Number.isInteger(Number(field))) return `${told} is not a whole number`;
    if (Number(field) < 0) return `${told} is negative`;
    if (!Number.isSafeInteger(Number(field))) return `${told} is more than ${Number.MAX_SAFE_INTEGER}`;
  }
  const first = seen.get(date);
  if (first) return `Date ${date} was already on line ${first}`;
  seen.set(date, line);
  return undefined;
}

function quote(field: string): string {
  return `"${shorten(field, MOST_QUOTED)}"`;
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function splitFields(text: string): string[] {
  if (!text.includes('"')) return text.split(',');
  return [...`,${text}`.matchAll(/,(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
