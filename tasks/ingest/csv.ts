/**
 * The CSV format of price files and of the metadata, for both readers: DuckDB, by these options,
 * and `splitLines` and `splitRecord` below, which find the line and field of what DuckDB refuses.
 * - Lines end in LF or CRLF. Blank lines do not count.
 * - Commas separate fields. A field in double quotes can hold commas, and quotes written twice.
 * - The text is UTF-8. A byte-order mark is not part of it.
 */
export const DUCKDB_CSV_OPTIONS = `auto_detect = false, header = true, delim = ',', quote = '"', escape = '"'`;

/**
 * A field, quoted or not, and what ends it. Matches anywhere: what is misquoted is a plain field.
 */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^,\n]*?))(,|\r?\n|$)/y;

/** The fields of one line, or of several where a quoted field has line ends. */
export interface CsvRecord {
  fields: string[];
  /** The position after the record and its line end. */
  end: number;
  /** The position of the first field with a misplaced quote or CR, if any. */
  malformed: number | undefined;
}

/** The text of a file. Bytes that are not UTF-8 become U+FFFD. */
export function decodeCsv(content: Buffer): string {
  return new TextDecoder().decode(content);
}

export function splitLines(text: string): string[] {
  return text.split(/\r?\n/);
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
    if (/^"|\r/.test(plain)) malformed ??= position;
    if (end !== ',') return { fields, end: FIELD.lastIndex, malformed };
  }
}
