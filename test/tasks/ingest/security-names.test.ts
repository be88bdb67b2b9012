import { describe, expect, test } from 'vitest';
import { readSecurityNames } from '../../../tasks/ingest/security-names.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { csvOfVolumes, ingestFiles, metadata, readRows } from '../../support/fixtures.ts';

const HEADER = 'Security Name,NASDAQ Symbol\n';

describe('Security Name', () => {
  test('is found by NASDAQ Symbol, not by Symbol', async () => {
    const header = 'Nasdaq Traded,Symbol,Security Name,NASDAQ Symbol';
    const { result } = await ingestFiles({
      'stocks/AGM-A.csv': csvOfVolumes(1),
      'stocks/CARR.V.csv': csvOfVolumes(1),
      'stocks/CARR#.csv': csvOfVolumes(1),
      'symbols_valid_meta.csv': `${header}\nY,AGM$A,Agricultural,AGM-A\nY,CARR.V,Carrier,CARR#\n`,
    });
    expect(await readRows(result, 'Symbol, "Security Name"')).toEqual([
      ['AGM-A', 'Agricultural'],
      ['CARR#', 'Carrier'],
      ['CARR.V', null],
    ]);
  });

  test('keeps commas, quotes, spaces and letters', async () => {
    const { result } = await ingestFiles({
      'stocks/A.csv': csvOfVolumes(1),
      'stocks/B.csv': csvOfVolumes(1),
      'stocks/NAN.csv': csvOfVolumes(1),
      'stocks/TRUE.csv': csvOfVolumes(1),
      'symbols_valid_meta.csv': metadata({
        A: '"Agilent Technologies, Inc."',
        B: '"The ""B"" Fund\'s  Trust "',
        NAN: 'Nuveen Ñew York',
        TRUE: 'TrueCar',
      }),
    });
    expect(await readRows(result, 'Symbol, "Security Name"')).toEqual([
      ['A', 'Agilent Technologies, Inc.'],
      ['B', 'The "B" Fund\'s  Trust '],
      ['NAN', 'Nuveen Ñew York'],
      ['TRUE', 'TrueCar'],
    ]);
  });
});

describe('readSecurityNames', () => {
  const read = (content: string | Buffer) =>
    Object.fromEntries(readSecurityNames(Buffer.from(content), 'source: meta.csv'));

  test.each<[string, string, Record<string, string>]>([
    [
      'names with commas, quotes and line ends',
      `${HEADER}"A, Inc",A\n"The ""B""",B\n"C\nD",C\n5" E,E\n`,
      {
        A: 'A, Inc',
        B: 'The "B"',
        C: 'C\nD',
        E: '5" E',
      },
    ],
    ['no name for a symbol without one, and no symbol for a name', `${HEADER},A\n"",B\nC,\nD,D`, { D: 'D' }],
    ['the last of two names', `${HEADER}One,A\nTwo,A\n`, { A: 'Two' }],
    [
      'names around blank lines, CRLF and a byte-order mark',
      `\uFEFF\n${HEADER}\nOne,A\r\n\r\nTwo,B\r\n`,
      { A: 'One', B: 'Two' },
    ],
    ['names between CR line ends', `${HEADER}One,A\nTwo,B\n`.replaceAll('\n', '\r'), { A: 'One', B: 'Two' }],
    ['a header alone', HEADER, {}],
  ])('finds %s', (_what, content, names) => {
    expect(read(content)).toEqual(names);
  });

  test.each<[string, string | Buffer, string]>([
    ['a missing field', `${HEADER}One,A\nTwo\n`, 'line 3: there are 1 fields instead of 2'],
    ['an extra field', `${HEADER}"C\nD",C\nOne,A,\n`, 'line 4: there are 3 fields instead of 2'],
    ['a quote that is never closed', `${HEADER}One,A\n"Two,B\nThree,C\n`, 'line 3: a quote is misplaced'],
    ['text after a quote', `${HEADER}"One"s,A\n`, 'line 2: a quote is misplaced'],
    ['another encoding', Buffer.from(`${HEADER}One,A\nÑew,B\n`, 'latin1'), 'line 3: is not UTF-8'],
    ['a missing column', 'Security Name\nOne\n', 'line 1: the header lacks "NASDAQ Symbol"'],
  ])('refuses %s', (_what, content, reason) => {
    expect(() => read(content)).toThrow(`source: meta.csv, ${reason}. Fix the file: it must be CSV with`);
    expect(() => read(content)).toThrow(PermanentError);
  });
});
