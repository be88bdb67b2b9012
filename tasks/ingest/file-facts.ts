import { crc32 } from 'node:zlib';
import { hasGoodHeader, PRICE_COLUMNS } from './bad-rows.ts';

const [LF, CR, COMMA, QUOTE] = [0x0a, 0x0d, 0x2c, 0x22];

/** What the bytes of a price file show without parsing it. */
export interface FileFacts {
  bytes: number;
  crc32: number;
  /** Counted by line ends. Checks compare it with the rows that DuckDB reads. */
  rows: number;
  /** Whether it has what DuckDB accepts, but prices must not have. */
  isBad: boolean;
  /** Whether it can have LF and CRLF line ends. DuckDB refuses files with both. */
  mayMixLineEnds: boolean;
}

export function inspectFile(content: Buffer): FileFacts {
  const { rows, hasExtraFields } = inspectLines(content);
  return {
    bytes: content.length,
    crc32: crc32(content),
    rows,
    // DuckDB accepts 1_000 as a thousand, and rows with extra empty fields.
    isBad: !hasGoodHeader(content) || content.includes('_') || hasExtraFields,
    mayMixLineEnds: content.includes('\r'),
  };
}

/** The number of rows, and whether one may have extra empty fields. Looks only at line ends. */
function inspectLines(content: Buffer): { rows: number; hasExtraFields: boolean } {
  let lines = 0;
  let hasExtraFields = false;
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf(LF, start);
    const next = newline < 0 ? content.length : newline;
    const end = content[next - 1] === CR && next > start ? next - 1 : next;
    if (end > start) {
      lines++;
      const last = content[end - 1];
      if (last === COMMA || last === QUOTE)
        hasExtraFields ||= countCommas(content, start, end) >= PRICE_COLUMNS.length;
    }
    start = next + 1;
  }
  return { rows: Math.max(lines - 1, 0), hasExtraFields };
}

function countCommas(content: Buffer, start: number, end: number): number {
  let commas = 0;
  for (let position = start; position < end; position++) if (content[position] === COMMA) commas++;
  return commas;
}
