import { describe, expect, test } from 'vitest';
import { readSecurityNames } from '../../../tasks/ingest/security-names.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { csvOfVolumes, ingestFiles, metadata, readRows } from '../../support/fixtures.ts';

const HEAD = 'Security Name,NASDAQ Symbol\n';

describe('Security Name', () => {
  test('is found by NASDAQ Symbol, not by Symbol', async () => {
    const head = 'Nasdaq Traded,Symbol,Security Name,NASDAQ Symbol';
    const { result } = await ingestFiles({
      'stocks/AGM-A.csv': csvOfVolumes(1),
      'stocks/CARR.V.csv': csvOfVolumes(1),
      'stocks/CARR#.csv': csvOfVolumes(1),
      'symbols_valid_meta.csv': `${head}\nY,AGM$A,Agricultural,AGM-A\nY,CARR.V,Carrier,CARR#\n`,
    });
    expect(await readRows(result, 'Symbol, "Security Name"')).toEqual([
      ['AGM-A', 'Agricultural'],
      ['CARR#', 'Carrier'],
      ['CARR.V', null],
    ]);
  });

  test('keeps commas, quotes, spaces and letters as they are', async () => {
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
      `${HEAD}"A, Inc",A\n"The ""B""",B\n"C\nD",C\n5" E,E\n`,
      {
        A: 'A, Inc',
        B: 'The "B"',
        C: 'C\nD',
        E: '5" E',
      },
    ],
    ['no name for a symbol without one, and no symbol for a name', `${HEAD},A\n"",B\nC,\nD,D`, { D: 'D' }],
    ['the last of two names', `${HEAD}One,A\nTwo,A\n`, { A: 'Two' }],
    [
      'past blank lines, CRLF and a byte-order mark',
      `\uFEFF\n${HEAD}\nOne,A\r\n\r\nTwo,B\r\n`,
      { A: 'One', B: 'Two' },
    ],
    ['a header alone', HEAD, {}],
  ])('finds %s', (_what, content, names) => {
    expect(read(content)).toEqual(names);
  });

  test.each<[string, string | Buffer, string]>([
    ['a field too few', `${HEAD}One,A\nTwo\n`, 'line 3: there are 1 fields instead of 2'],
    ['a field too many', `${HEAD}"C\nD",C\nOne,A,\n`, 'line 4: there are 3 fields instead of 2'],
    ['a quote that is never closed', `${HEAD}One,A\n"Two,B\nThree,C\n`, 'line 3: a quote is out of place'],
    ['text after a quote', `${HEAD}"One"s,A\n`, 'line 2: a quote is out of place'],
    ['another encoding', Buffer.from(`${HEAD}One,A\nÑew,B\n`, 'latin1'), 'line 3: is not in UTF-8'],
    ['one column', 'Security Name\nOne\n', 'line 1: the header lacks "NASDAQ Symbol"'],
  ])('refuses %s', (_what, content, reason) => {
    expect(() => read(content)).toThrow(`source: meta.csv: ${reason}; mend it: it must be a CSV file with`);
    expect(() => read(content)).toThrow(PermanentError);
  });
});
