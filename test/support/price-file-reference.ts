/**
 * A third reader of price files, for tests: the grammar of docs/data.md, byte by byte. It shares
 * nothing with the readers of ingest.
 */

const HEADER = ['Date', 'Open', 'High', 'Low', 'Close', 'Adj Close', 'Volume'];

const [TAB, LF, CR, BLANK, QUOTE, COMMA] = [9, 10, 13, 32, 34, 44];

/** Date, the five prices and Volume. */
export type ReferenceRow = [string, ...(number | null)[]];

export interface ReferenceReading {
  rows: ReferenceRow[];
  /** The numbers of the bad lines. Line 1 stands for a bad header. */
  bad: number[];
}

export function readReference(content: Uint8Array): ReferenceReading {
  const [b0, b1, b2] = content;
  const hasMark = b0 === 0xef && b1 === 0xbb && b2 === 0xbf;
  const lines = numberLines(hasMark ? content.subarray(3) : content).filter(({ bytes }) => bytes.length > 0);
  const [header, ...others] = lines;
  const names = header?.line === 1 ? splitFields(header.bytes) : undefined;
  if (names?.length !== HEADER.length || !HEADER.every((name, index) => names[index] === name))
    return { rows: [], bad: [1, ...others.map(({ line }) => line)] };

  const dates = new Set<string>();
  const reading: ReferenceReading = { rows: [], bad: [] };
  for (const { line, bytes } of others) {
    const row = readRow(bytes);
    if (row && !dates.has(row[0])) {
      dates.add(row[0]);
      reading.rows.push(row);
    } else reading.bad.push(line);
  }
  return reading;
}

/** Lines end in LF, CRLF or CR. */
function numberLines(content: Uint8Array): { line: number; bytes: number[] }[] {
  const lines = [{ line: 1, bytes: [] as number[] }];
  for (const [index, byte] of content.entries()) {
    if (byte === LF && content[index - 1] === CR && index > 0) continue;
    if (byte === LF || byte === CR) lines.push({ line: lines.length + 1, bytes: [] });
    else lines.at(-1)?.bytes.push(byte);
  }
  return lines;
}

/** The fields of a line, or nothing if a quote is anywhere but around a field. */
function splitFields(bytes: number[]): string[] | undefined {
  const fields = [''];
  let quotes = 0;
  for (const [index, byte] of bytes.entries()) {
    const isStart = index === 0 || bytes[index - 1] === COMMA;
    const isEnd = index === bytes.length - 1 || bytes[index + 1] === COMMA;
    if (byte === COMMA) {
      if (quotes === 1) return undefined;
      fields.push('');
      quotes = 0;
    } else if (byte === QUOTE) {
      quotes++;
      if (quotes === 1 ? !isStart : quotes > 2 || !isEnd) return undefined;
    } else fields[fields.length - 1] += String.fromCharCode(byte);
  }
  return quotes === 1 ? undefined : fields;
}

function readRow(bytes: number[]): ReferenceRow | undefined {
  const fields = splitFields(bytes);
  if (fields?.length !== HEADER.length || fields.join(',').length > 1000) return undefined;
  const [date = '', ...numbers] = fields;
  if (!isDate(date)) return undefined;
  const values: (number | null)[] = [];
  for (const field of numbers) {
    const value = field === '' ? null : readNumber(field);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const volume = values.at(-1) ?? 0;
  if (volume < 0 || volume % 1 !== 0 || volume > 2 ** 53 - 1) return undefined;
  // Volume is an integer, which has no -0.
  if (volume === 0 && values[5] === 0) values[5] = 0;
  return [date, ...values];
}

/** Four digits, two, and two, with hyphens between them, that name a day after Christ. */
function isDate(text: string): boolean {
  if (text.length !== 10 || text[4] !== '-' || text[7] !== '-') return false;
  const digits = text.slice(0, 4) + text.slice(5, 7) + text.slice(8);
  if (![...digits].every(isDigit)) return false;
  const [year, month, day] = [
    Number(digits.slice(0, 4)),
    Number(digits.slice(4, 6)),
    Number(digits.slice(6)),
  ];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return year > 0 && day > 0 && day <= days;
}

/** A decimal number: sign, digits with a point, exponent; with blanks and tabs around it. */
function readNumber(field: string): number | undefined {
  let start = 0;
  let end = field.length;
  while (isBlank(field, start)) start++;
  while (end > start && isBlank(field, end - 1)) end--;
  const text = field.slice(start, end);
  let position = isSign(text[0]) ? 1 : 0;
  const skipDigits = (): number => {
    const from = position;
    while (isDigit(text[position])) position++;
    return position - from;
  };
  let digits = skipDigits();
  if (text[position] === '.') {
    position++;
    digits += skipDigits();
  }
  if (digits === 0) return undefined;
  if (text[position] === 'e' || text[position] === 'E') {
    position += isSign(text[position + 1]) ? 2 : 1;
    if (skipDigits() === 0) return undefined;
  }
  const value = Number(text);
  return position === text.length && Math.abs(value) < Number.POSITIVE_INFINITY ? value : undefined;
}

function isBlank(text: string, position: number): boolean {
  return text.charCodeAt(position) === BLANK || text.charCodeAt(position) === TAB;
}

function isSign(character: string | undefined): boolean {
  return character === '+' || character === '-';
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}
