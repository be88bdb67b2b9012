import { describe, expect, test } from 'vitest';
import { findBadRows, hasGoodHeader, removeBadRows } from '../../../tasks/ingest/bad-rows.ts';
import { csv, HEADER } from '../../support/fixtures.ts';

const GOOD_ROW = '2020-01-02,1,2,0.5,1.5,1.4,100';

function badLines(...rows: string[]): string[] {
  return findBadRows(Buffer.from(csv(...rows))).map(({ line, reason }) => `${line}: ${reason}`);
}

describe('findBadRows', () => {
  test.each([
    GOOD_ROW,
    '2020-01-02,,,,,,',
    '2020-01-02,1e-05,1E5,+1,-2.5,.5,123.0',
    '2020-01-02, 1 ,2.,3,4,-2.4e21,0',
    '2020-02-29,1,1,1,1,1,9007199254740991',
    '"2020-01-02","1","2","0.5","1.5","1.4","100"',
  ])('finds nothing bad in %s', (row) => {
    expect(badLines(row)).toEqual([]);
  });

  test.each([
    ['2020-01-02,1,2,3,4,5', 'there are 6 fields instead of 7'],
    ['2020-01-02,1,2,3,4,5,6,7', 'there are 8 fields instead of 7'],
    ['2020-13-45,1,1,1,1,1,1', 'Date "2020-13-45" is not a date written YYYY-MM-DD'],
    ['2019-02-29,1,1,1,1,1,1', 'Date "2019-02-29" is not a date written YYYY-MM-DD'],
    ['2020/01/02,1,1,1,1,1,1', 'Date "2020/01/02" is not a date written YYYY-MM-DD'],
    ['2020-1-2,1,1,1,1,1,1', 'Date "2020-1-2" is not a date written YYYY-MM-DD'],
    ['hello,1,1,1,1,1,1', 'Date "hello" is not a date written YYYY-MM-DD'],
    [',1,1,1,1,1,1', 'Date "" is not a date written YYYY-MM-DD'],
    ['2020-01-02,abc,1,1,1,1,1', 'Open "abc" is not a number'],
    ['2020-01-02,1,NaN,1,1,1,1', 'High "NaN" is not a number'],
    ['2020-01-02,1,1,inf,1,1,1', 'Low "inf" is not a number'],
    ['2020-01-02,1,1,1,0x10,1,1', 'Close "0x10" is not a number'],
    ['2020-01-02,1,1,1,1,1e400,1', 'Adj Close "1e400" is too large'],
    ['2020-01-02,1,1,1,1,1_000,1', 'Adj Close "1_000" is not a number'],
    ['2020-01-02,"1,5",1,1,1,1,1', 'Open "1,5" is not a number'],
    ['2020-01-02,1,1,1,1,1,0.5', 'Volume "0.5" is not a whole number'],
    ['2020-01-02,1,1,1,1,1,1e17', 'Volume "1e17" is more than 9007199254740991'],
    ['2020-01-02,1,1,1,1,1,9007199254740993', 'Volume "9007199254740993" is more than 9007199254740991'],
    ['2020-01-02,1,1,1,1,1,-1e19', 'Volume "-1e19" is negative'],
    [`2020-01-02,${'x'.repeat(51)},1,1,1,1,1`, `Open "${'x'.repeat(50)}…" is not a number`],
    [`${'9'.repeat(50)},1,1,1,1,1,1`, `Date "${'9'.repeat(50)}" is not a date written YYYY-MM-DD`],
    ['2020-01-02,1,1,1,1,1,-1', 'Volume "-1" is negative'],
  ])('in %s, reports: %s', (row, reason) => {
    expect(badLines(row)).toEqual([`2: ${reason}`]);
  });

  test('counts lines with the header and with blank lines', () => {
    expect(badLines(GOOD_ROW, '', '2020-01-03,x,1,1,1,1,1')).toEqual(['4: Open "x" is not a number']);
  });

  test('names the line with the first row of the date', () => {
    expect(badLines(GOOD_ROW, '2020-01-03,1,1,1,1,1,1', GOOD_ROW)).toEqual([
      '4: Date 2020-01-02 was already on line 2',
    ]);
  });

  test('accepts the second of two rows with one date if the first is bad', () => {
    expect(badLines('2020-01-02,x,1,1,1,1,1', GOOD_ROW)).toEqual(['2: Open "x" is not a number']);
  });

  test('accepts CRLF line ends', () => {
    expect(findBadRows(Buffer.from(`${HEADER}\r\n${GOOD_ROW}\r\n`))).toEqual([]);
  });

  test('ignores a byte-order mark', () => {
    expect(findBadRows(Buffer.from(`\uFEFF${csv(GOOD_ROW)}`))).toEqual([]);
  });

  test('keeps the text of a bad row', () => {
    expect(findBadRows(Buffer.from(csv('a,b')))).toEqual([
      { line: 2, text: 'a,b', reason: 'there are 2 fields instead of 7' },
    ]);
  });

  test.each(['', '\n', '\r\n\r\n'])('reports %j as an empty file', (content) => {
    expect(findBadRows(Buffer.from(content))).toEqual([{ line: 1, text: '', reason: 'the file is empty' }]);
  });

  test('reports every row if the header lacks a column', () => {
    const header = 'Date,Open,High,Low,Close,Adj Close';
    const reason = `the header lacks "Volume"; it must be ${HEADER}`;
    expect(findBadRows(Buffer.from(`${header}\n2020-01-02,1,1,1,1,1\n\n2020-01-03,1,1,1,1,1\n`))).toEqual([
      { line: 1, text: header, reason },
      { line: 2, text: '2020-01-02,1,1,1,1,1', reason },
      { line: 4, text: '2020-01-03,1,1,1,1,1', reason },
    ]);
  });

  test('shortens a long header', () => {
    const [first] = findBadRows(Buffer.from(`${HEADER}${',x'.repeat(1e6)}\n`));
    const start = `${HEADER}${',x'.repeat(80)}`;
    expect(first?.reason).toBe(`the header is ${start.slice(0, 200)}…; it must be ${HEADER}`);
  });

  test('refuses columns in another order', () => {
    const header = 'Date,Open,High,Low,Close,Volume,Adj Close';
    expect(findBadRows(Buffer.from(`${header}\n`))).toEqual([
      { line: 1, text: header, reason: `the header is ${header}; it must be ${HEADER}` },
    ]);
  });
});

describe('removeBadRows', () => {
  test('keeps the header and the rows that are not bad', () => {
    const content = Buffer.from(csv(GOOD_ROW, 'junk', '2020-01-03,1,1,1,1,1,1'));
    expect(removeBadRows(content, findBadRows(content))).toBe(csv(GOOD_ROW, '2020-01-03,1,1,1,1,1,1'));
  });

  test('keeps no row if the header is bad', () => {
    const content = Buffer.from(`Date,Open\n${GOOD_ROW}\n`);
    expect(removeBadRows(content, findBadRows(content))).toBe(csv());
  });
});

describe('hasGoodHeader', () => {
  test.each([
    [HEADER, true],
    [`${HEADER}\r\n`, true],
    [`\uFEFF${HEADER}\n`, true],
    ['', false],
    [`${HEADER},More\n`, false],
    [`${HEADER.toLowerCase()}\n`, false],
    [`${GOOD_ROW}\n`, false],
  ])('for %j is %s', (content, good) => {
    expect(hasGoodHeader(Buffer.from(content))).toBe(good);
  });
});
