import { describe, expect, test } from 'vitest';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import {
  csv,
  csvOfVolumes,
  HEADER,
  ingestFiles,
  makeFolder,
  openDatabase,
  readRows,
} from '../../support/fixtures.ts';
import { fuzzPriceFiles } from '../../support/price-file-fuzz.ts';

/** `make fuzz` sets these. The first file has the number of the seed. */
const FILES = Number(process.env.FUZZ_FILES ?? 1000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const FILES_BETWEEN_MESSAGES = 10_000;

test(
  'DuckDB, TypeScript and a reference reader read generated price files in the same way',
  async () => {
    await using database = await openDatabase();
    const scratch = makeFolder();
    for (let done = 0; done < FILES; ) {
      const count = Math.min(FILES_BETWEEN_MESSAGES, FILES - done);
      expect(await fuzzPriceFiles(SEED + done, count, { database, scratch })).toEqual([]);
      done += count;
      if (FILES > FILES_BETWEEN_MESSAGES) console.info(`${done} of ${FILES} files, seed ${SEED}`);
    }
  },
  60_000 + FILES * 100,
);

const ROW = '2020-01-01,1,1,1,1,1,1';
const NEXT_ROW = '2020-01-02,1,1,1,1,1,2';
const QUOTED_HEADER = HEADER.replaceAll(/[^,]+/g, '"$&"');

/** Each was once read in two ways. A has the volumes, and the lines that are set aside. */
describe('the readers agree on', () => {
  test.each<[string, string | Buffer, bigint[], bigint[]]>([
    ['a blank before a quote', csv('2020-01-01,1, "1",1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a blank behind a quote', csv('2020-01-01,1,"1" ,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['blanks in quotes', csv('2020-01-01,1," 1 ",1,1,1,1', NEXT_ROW), [1n, 2n], []],
    ['a quote inside a field', csv('2020-01-01,1,1"1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['quoted quotes', csv('2020-01-01,1,"1""",1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a quoted comma', csv('2020-01-01,1,"1,1",1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a line of two quotes', csv(ROW, '""', NEXT_ROW), [1n, 2n], [3n]],
    ['an open quote', csv('2020-01-01,1,1,1,1,1,"1', NEXT_ROW), [2n], [2n]],
    ['a line end in quotes', csv('2020-01-01,1,1,1,1,1,"1\n"', NEXT_ROW), [2n], [2n, 3n]],
    ['an extra empty field in quotes', csv(`${ROW},""`, NEXT_ROW), [2n], [2n]],
    ['a vertical tab', csv('2020-01-01,\v1,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a form feed', csv('2020-01-01,1\f,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a line of a form feed', csv(ROW, '\f', NEXT_ROW), [1n, 2n], [3n]],
    ['a tab', csv('2020-01-01,\t1\t,1,1,1,1,1', NEXT_ROW), [1n, 2n], []],
    ['two signs', csv('2020-01-01,+-1,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['two signs of an exponent', csv('2020-01-01,1e+-1,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['an underscore', csv('2020-01-01,1,1,1,1,1,1_0', NEXT_ROW), [2n], [2n]],
    ['a NUL byte in a number', csv('2020-01-01,1\0,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a NUL byte in a date', csv('2020-01-01\0,1,1,1,1,1,1', NEXT_ROW), [2n], [2n]],
    ['a line of NUL bytes', csv(ROW, '\0\0', NEXT_ROW), [1n, 2n], [3n]],
    ['CR line ends', csv(ROW, NEXT_ROW).replaceAll('\n', '\r'), [1n, 2n], []],
    ['CR line ends and a bad row', csv(ROW, 'x', NEXT_ROW).replaceAll('\n', '\r'), [1n, 2n], [3n]],
    ['LF CR line ends', csv(ROW, NEXT_ROW).replaceAll('\n', '\n\r'), [1n, 2n], []],
    ['LF CR line ends and a bad row', csv(ROW, 'x', NEXT_ROW).replaceAll('\n', '\n\r'), [1n, 2n], [5n]],
    ['CR CR LF line ends', csv(ROW, NEXT_ROW).replaceAll('\n', '\r\r\n'), [1n, 2n], []],
    ['CR CR LF line ends and a bad row', csv(ROW, 'x', NEXT_ROW).replaceAll('\n', '\r\r\n'), [1n, 2n], [5n]],
    ['CR CR LF behind the header', csv(ROW, NEXT_ROW).replace('\n', '\r\r\n'), [1n, 2n], []],
    ['a line that begins with CR', csv(ROW, `\r${NEXT_ROW}`), [1n, 2n], []],
    ['a CR within a row', csv(ROW, '2020-01-03,1,\r1,1,1,1,1', NEXT_ROW), [1n, 2n], [3n, 4n]],
    ['a CR between rows', csv(`${ROW}\r${NEXT_ROW}`), [1n, 2n], []],
    ['a header in quotes', csv(ROW, NEXT_ROW).replace(HEADER, QUOTED_HEADER), [1n, 2n], []],
    ['a byte-order mark before quotes', `\uFEFF${QUOTED_HEADER}\n${ROW}\n${NEXT_ROW}\n`, [1n, 2n], []],
    ['two byte-order marks', `\uFEFF\uFEFF${csv(ROW)}`, [], [1n, 2n]],
    ['two byte-order marks and CRLF', `\uFEFF\uFEFF${csv(ROW)}`.replaceAll('\n', '\r\n'), [], [1n, 2n]],
    ['a byte-order mark on a line of its own', `\uFEFF\n${csv(ROW)}`, [], [1n, 3n]],
    ['a byte-order mark before a row', csv(ROW, `\uFEFF${NEXT_ROW}`), [1n], [3n]],
    ['UTF-16', Buffer.from(`\uFEFF${csv(ROW)}`, 'utf16le'), [], [1n, 2n, 3n]],
    ['a row of 1000 characters', csv(`2020-01-01,1,1,1,1,1,${'0'.repeat(978)}1`), [1n], []],
    ['a row of 1001 characters', csv(ROW, `2020-01-02,1,1,1,1,1,${'0'.repeat(979)}2`), [1n], [3n]],
    ['a row of three million characters', csv(ROW, `2020-01-02,${'0'.repeat(3e6)}1,1,1,1,1,2`), [1n], [3n]],
  ])('%s', async (_what, content, volumes, lines) => {
    const files = { 'stocks/A.csv': content, 'stocks/B.csv': csvOfVolumes(9) };
    const { result } = await ingestFiles(files, { quarantine: true });
    const rows = await readRows(result, 'Symbol, Volume');
    expect(rows).toEqual([...volumes.map((volume) => ['A', volume]), ['B', 9n]]);
    const bad = lines.length === 0 ? [] : await readRows(result, 'line', 'quarantine-*.parquet');
    expect(bad.flat()).toEqual(lines);
    const badRows = lines.filter((line) => line > 1n).length;
    expect(result.metrics).toMatchObject({ rows_in: rows.length + badRows, rows_quarantined: badRows });

    const strict = ingestFiles(files).then(
      () => undefined,
      (error) => error,
    );
    if (lines.length === 0) expect(await strict).toBeUndefined();
    else {
      expect(await strict).toBeInstanceOf(PermanentError);
      expect((await strict).message).toContain(`stocks/A.csv, line ${lines[0]}: `);
    }
  });
});
