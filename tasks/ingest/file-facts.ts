import { crc32 } from 'node:zlib';
import { hasGoodHeader, MAX_LINE_LENGTH, PRICE_COLUMNS } from './bad-rows.ts';
import { findTextStart, hasLoneCarriageReturn, isPlainCsv, toPlainCsv } from './csv.ts';

const [LF, CR, COMMA] = [0x0a, 0x0d, 0x2c];

/**
 * What makes a row bad, although DuckDB may accept it: 1_000 as a thousand, +-1 as -1, vertical tabs
 * and form feeds around a number. Quotes are those that `toPlainCsv` leaves.
 */
const BAD_TEXTS = ['_', '+-', '\v', '\f', '\0', '"'];

/** What the bytes of a price file show without parsing it. */
export interface FileFacts {
  bytes: number;
  crc32: number;
  /** Counted by line ends. Checks compare it with the rows that DuckDB reads. */
  rows: number;
  /** Whether it has what DuckDB accepts, but prices must not have. `findBadRows` then finds it. */
  isBad: boolean;
  /** Whether DuckDB can read it as it is, without `toPlainCsv`. */
  isPlain: boolean;
}

export function inspectFile(content: Buffer): FileFacts {
  // A copy takes longer than the inspection. Files with CRLF need none here.
  const needsCopy = content.includes('"') || hasLoneCarriageReturn(content);
  const lines = needsCopy ? toPlainCsv(content) : content;
  const { rows, hasBadLine } = inspectLines(lines);
  return {
    bytes: content.length,
    crc32: crc32(content),
    rows,
    isBad: hasBadLine || !hasGoodHeader(lines) || BAD_TEXTS.some((text) => lines.includes(text)),
    isPlain: isPlainCsv(content),
  };
}

/**
 * The number of rows, and whether a line is too long or has extra empty fields, which DuckDB
 * accepts. Lines end in LF or CRLF. Looks only at the ends of lines.
 */
function inspectLines(content: Buffer): { rows: number; hasBadLine: boolean } {
  let lines = 0;
  let hasBadLine = false;
  for (let start = findTextStart(content); start < content.length; ) {
    const newline = content.indexOf(LF, start);
    const next = newline < 0 ? content.length : newline;
    const end = content[next - 1] === CR && next > start ? next - 1 : next;
    if (end > start) {
      lines++;
      hasBadLine ||=
        end - start > MAX_LINE_LENGTH ||
        (content[end - 1] === COMMA && countCommas(content, start, end) >= PRICE_COLUMNS.length);
    }
    start = next + 1;
  }
  return { rows: Math.max(lines - 1, 0), hasBadLine };
}

function countCommas(content: Buffer, start: number, end: number): number {
  let commas = 0;
  for (let position = start; position < end; position++) if (content[position] === COMMA) commas++;
  return commas;
}
