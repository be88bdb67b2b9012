import { describe, expect, test } from 'vitest';
import { splitLines, splitRecord, toPlainCsv } from '../../../tasks/ingest/csv.ts';

describe('splitRecord', () => {
  test.each<[string, string[], number, number | undefined]>([
    ['', [''], 0, undefined],
    ['a,b', ['a', 'b'], 3, undefined],
    ['a,,', ['a', '', ''], 3, undefined],
    ['a\nb', ['a'], 2, undefined],
    ['a\r\nb', ['a'], 3, undefined],
    ['"a,b",c', ['a,b', 'c'], 7, undefined],
    ['"a ""b""",c', ['a "b"', 'c'], 11, undefined],
    ['"a\r\nb",c\nd', ['a\r\nb', 'c'], 9, undefined],
    ['5" a,b', ['5" a', 'b'], 6, undefined],
    ['a,"b"c', ['a', '"b"c'], 6, 2],
    ['a,"b\nc', ['a', '"b'], 5, 2],
    ['a\rb,c', ['a'], 2, undefined],
    ['"a\rb",c', ['a\rb', 'c'], 7, undefined],
  ])('of %j gives %j', (text, fields, end, malformed) => {
    expect(splitRecord(text)).toEqual({ fields, end, malformed });
  });

  test('starts at a position', () => {
    expect(splitRecord('a,b\nc,d\n', 4)).toEqual({ fields: ['c', 'd'], end: 8, malformed: undefined });
  });
});

test('splitLines splits at LF, CRLF and CR', () => {
  expect(splitLines('a\nb\r\nc\rd\n\re\r\r\nf')).toEqual(['a', 'b', 'c', 'd', '', 'e', '', 'f']);
});

describe('toPlainCsv', () => {
  test.each([
    ['a,b\r\nc\rd\n\re\r\r\nf', 'a,b\nc\nd\n\ne\n\nf'],
    ['"a","",b\r\n"c d",e,"f"', 'a,,b\nc d,e,f'],
    ['\uFEFF"a",b\n', '\uFEFFa,b\n'],
    ['\uFEFF\uFEFF"a",b\n', '\uFEFF\uFEFF"a",b\n'],
    ['é,"ñ"\r\n', 'é,ñ\n'],
  ])('of %j is %j', (content, plain) => {
    expect(toPlainCsv(Buffer.from(content)).toString()).toBe(plain);
  });

  test.each(['"a"', '""', 'a, "b"', 'a,"b" ', 'a,"b""c"', 'a,"b,c"', 'a,b"c', 'a,"b\nc",d', '"a,b'])(
    'leaves the quotes of %j, whose line is bad',
    (content) => {
      expect(toPlainCsv(Buffer.from(content)).toString()).toBe(content);
    },
  );

  test('keeps bytes that are not UTF-8', () => {
    expect(toPlainCsv(Buffer.from([0xff, 0x0d, 0x0a, 0xc3]))).toEqual(Buffer.from([0xff, 0x0a, 0xc3]));
  });

  test('is the content itself if that is plain', () => {
    const content = Buffer.from('\uFEFFa, b\n\nc,d');
    expect(toPlainCsv(content)).toBe(content);
  });
});
