import { isUtf8 } from 'node:buffer';
import { PermanentError } from '../lib/errors.ts';

const SYMBOL = 'NASDAQ Symbol';
const NAME = 'Security Name';

/** A field, quoted or not, and what ends it. */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n][^,\r\n]*|))(,|\r?\n|$)/y;

/**
 * The Security Name of each symbol that has one, by the metadata's NASDAQ Symbol, which is what the files are named after.
 * @param where names the file in what is thrown
 * @throws PermanentError that says which line is bad, and why
 */
export function readSecurityNames(content: Buffer, where: string): Map<string, string> {
  const refuse = (line: number, reason: string): never => {
    throw new PermanentError(
      `${where}: line ${line}: ${reason}; mend it: it must be a CSV file with the columns "${SYMBOL}" and "${NAME}"`,
    );
  };
  const text = new TextDecoder().decode(content);
  if (!isUtf8(content)) refuse(text.slice(0, text.indexOf('\uFFFD')).split('\n').length, 'is not in UTF-8');
  const names = new Map<string, string>();
  let header: string[] | undefined;
  for (const { line, fields } of readRows(text, refuse)) {
    if (!header) {
      header = fields;
      const missing = [SYMBOL, NAME].filter((column) => !fields.includes(column));
      if (missing.length > 0) refuse(line, `the header lacks "${missing.join('" and "')}"`);
    } else if (fields.length !== header.length)
      refuse(line, `there are ${fields.length} fields instead of ${header.length}`);
    const symbol = fields[header.indexOf(SYMBOL)];
    const name = fields[header.indexOf(NAME)];
    if (fields !== header && symbol && name) names.set(symbol, name);
  }
  if (!header) refuse(1, 'the file is empty');
  return names;
}

/** The rows of a CSV text but for blank lines, each with the line that it begins on. */
function* readRows(
  text: string,
  refuse: (line: number, reason: string) => never,
): Generator<{ line: number; fields: string[] }> {
  let line = 1;
  let first = line;
  let fields: string[] = [];
  for (FIELD.lastIndex = 0; FIELD.lastIndex < text.length || fields.length > 0; ) {
    const [all, quoted, plain = '', end] = FIELD.exec(text) ?? refuse(line, 'a quote is out of place');
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    line += all.split('\n').length - 1;
    if (end === ',') continue;
    if (fields.length > 1 || fields[0] !== '') yield { line: first, fields };
    first = line;
    fields = [];
  }
}
