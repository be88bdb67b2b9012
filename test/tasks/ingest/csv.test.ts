import { describe, expect, test } from 'vitest';
import { splitRecord } from '../../../tasks/ingest/csv.ts';

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
    ['a\rb,c', ['a\rb', 'c'], 5, 0],
  ])('of %j gives %j', (text, fields, end, malformed) => {
    expect(splitRecord(text)).toEqual({ fields, end, malformed });
  });

  test('starts at a position', () => {
    expect(splitRecord('a,b\nc,d\n', 4)).toEqual({ fields: ['c', 'd'], end: 8, malformed: undefined });
  });
});
