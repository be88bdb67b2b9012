import { describe, expect, test } from 'vitest';
import { inspectFile } from '../../../tasks/ingest/file-facts.ts';
import { csv, HEADER } from '../../support/fixtures.ts';

const GOOD_ROW = '2020-01-02,1,2,0.5,1.5,1.4,100';

describe('inspectFile', () => {
  test.each([
    ['', 0],
    [HEADER, 0],
    [`${HEADER}\n`, 0],
    [`${HEADER}\na`, 1],
    [`${HEADER}\na\n\nb\n`, 2],
    [`${HEADER}\r\na\r\n\r\nb\r\n`, 2],
    [`${HEADER}\r\na\nb\r\n`, 2],
    [`${HEADER}\na\n\r`, 1],
  ])('counts the rows of %j: %i', (content, rows) => {
    expect(inspectFile(Buffer.from(content)).rows).toBe(rows);
  });

  test.each([
    [GOOD_ROW, false],
    ['2020-01-02,,,,,,', false],
    ['"2020-01-02","1","2","0.5","1.5","1.4","100"', false],
    [`${GOOD_ROW},`, true],
    [`${GOOD_ROW},,`, true],
    [`${GOOD_ROW},""`, true],
    ['2020-01-02,,,,,,,', true],
  ])('finds extra empty fields in %s: %s', (row, isBad) => {
    for (const content of [
      csv(row),
      csv(row).trimEnd(),
      csv(row).replaceAll('\n', '\r\n'),
      csv(row, GOOD_ROW),
    ])
      expect(inspectFile(Buffer.from(content)).isBad).toBe(isBad);
  });
});
