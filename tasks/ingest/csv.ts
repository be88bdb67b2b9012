/**
 * The CSV format of price files and of the metadata. docs/data.md describes it.
 * - Lines end in LF, CRLF or CR. Blank lines do not count.
 * - Commas separate fields. A field in double quotes can hold commas, and quotes written twice.
 *   Nothing stands between a quote and the next comma or line end.
 * - The text is UTF-8. A byte-order mark at the start is not part of it.
 *
 * Only `splitLines` and `splitRecord` know all of this. DuckDB receives price files in plain form,
 * from `toPlainCsv`: lines end in LF, and no field is in quotes.
 */
export const DUCKDB_CSV_OPTIONS = `auto_detect = false, header = true, delim = ',', quote = '', escape = ''`;

/**
 * A field, quoted or not, and what ends it. Matches anywhere: what is misquoted is a plain field.
 */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^,\r\n]*))(,|\r\n?|\n|$)/y;

const LINE_END = /\r\n?|\n/;

/**
 * Fields in quotes, in a text with LF line ends. Not one with commas or quotes inside, and not one
 * that is the whole line: no valid row of prices has such fields.
 */
const QUOTED_FIELDS = /(?<=,)"([^",\n]*)"(?=,|$)|^"([^",\n]*)"(?=,)/gm;

const [LF, CR] = [0x0a, 0x0d];

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** The fields of one line, or of several where a quoted field has line ends. */
export interface CsvRecord {
  fields: string[];
  /** The position after the record and its line end. */
  end: number;
  /** The position of the first field with a misplaced quote, if any. */
  malformed: number | undefined;
}

/** The text of a file. Bytes that are not UTF-8 become U+FFFD. */
export function decodeCsv(content: Buffer): string {
  return new TextDecoder().decode(content);
}

export function splitLines(text: string): string[] {
  return text.split(LINE_END);
}

/** Splits the record that starts at a position of the text. */
export function splitRecord(text: string, start = 0): CsvRecord {
  const fields: string[] = [];
  let malformed: number | undefined;
  FIELD.lastIndex = start;
  for (;;) {
    const position = FIELD.lastIndex;
    const [, quoted, plain = '', end] = FIELD.exec(text) as RegExpExecArray;
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    if (plain.startsWith('"')) malformed ??= position;
    if (end !== ',') return { fields, end: FIELD.lastIndex, malformed };
  }
}

/**
 * A price file with the same lines and fields in plain form, which DuckDB can read. A quote that is
 * left makes its line bad. The content itself, if it is plain already.
 */
export function toPlainCsv(content: Buffer): Buffer {
  if (isPlainCsv(content)) return content;
  const lines = endLinesInLf(content);
  if (!lines.includes('"')) return lines;
  const start = findTextStart(lines);
  const text = lines.toString('latin1', start).replace(QUOTED_FIELDS, '$1$2');
  return Buffer.concat([lines.subarray(0, start), Buffer.from(text, 'latin1')]);
}

export function isPlainCsv(content: Buffer): boolean {
  return !content.includes('\r') && !content.includes('"');
}

/** Whether a CR is not part of CRLF. */
export function hasLoneCarriageReturn(content: Buffer): boolean {
  for (let position = content.indexOf(CR); position >= 0; position = content.indexOf(CR, position + 2))
    if (content[position + 1] !== LF) return true;
  return false;
}

function endLinesInLf(content: Buffer): Buffer {
  const lines = Buffer.allocUnsafe(content.length);
  let length = 0;
  for (let position = 0; position < content.length; position++) {
    const byte = content[position] as number;
    if (byte === LF && content[position - 1] === CR) continue;
    lines[length++] = byte === CR ? LF : byte;
  }
  return lines.subarray(0, length);
}

/** The position after the byte-order mark, if there is one. */
export function findTextStart(content: Buffer): number {
  return content.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
}
