import { isUtf8 } from 'node:buffer';
import { PermanentError } from '../lib/errors.ts';
import { decodeCsv, splitLines, splitRecord } from './csv.ts';

const SYMBOL = 'NASDAQ Symbol';
const NAME = 'Security Name';

/**
 * The Security Name of each symbol that has one. Symbols are those of the column "NASDAQ Symbol",
 * after which the price files are named.
 * @param where the file, for error messages
 * @throws PermanentError with the bad line and the reason
 */
export function readSecurityNames(content: Buffer, where: string): Map<string, string> {
  const fail = (line: number, reason: string): never => {
    throw new PermanentError(
      `${where}, line ${line}: ${reason}. Fix the file: it must be CSV with the columns "${SYMBOL}" and "${NAME}".`,
    );
  };
  const text = decodeCsv(content);
  if (!isUtf8(content)) fail(countLineEnds(text.slice(0, text.indexOf('\uFFFD'))) + 1, 'is not UTF-8');
  const names = new Map<string, string>();
  let header: string[] | undefined;
  for (const { line, fields } of readRecords(text, fail)) {
    if (!header) {
      header = fields;
      const missing = [SYMBOL, NAME].filter((column) => !fields.includes(column));
      if (missing.length > 0) fail(line, `the header lacks "${missing.join('" and "')}"`);
    } else if (fields.length !== header.length)
      fail(line, `there are ${fields.length} fields instead of ${header.length}`);
    const symbol = fields[header.indexOf(SYMBOL)];
    const name = fields[header.indexOf(NAME)];
    if (fields !== header && symbol && name) names.set(symbol, name);
  }
  if (!header) fail(1, 'the file is empty');
  return names;
}

/** The records of a CSV text without blank lines, each with its first line. */
function* readRecords(
  text: string,
  fail: (line: number, reason: string) => never,
): Generator<{ line: number; fields: string[] }> {
  let line = 1;
  for (let start = 0; start < text.length; ) {
    const { fields, end, malformed } = splitRecord(text, start);
    if (malformed !== undefined)
      fail(line + countLineEnds(text.slice(start, malformed)), 'a quote is misplaced');
    if (fields.length > 1 || fields[0] !== '') yield { line, fields };
    line += countLineEnds(text.slice(start, end));
    start = end;
  }
}

function countLineEnds(text: string): number {
  return splitLines(text).length - 1;
}
