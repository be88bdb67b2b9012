import { describe, expect, test } from 'vitest';
import { symbolOf } from '../../../tasks/ingest/source-files.ts';

describe('symbolOf', () => {
  test.each([
    ['stocks/AAPL.csv', 'AAPL'],
    ['stocks/LGF.B.csv', 'LGF.B'],
    ['stocks/CARR#.csv', 'CARR#'],
    ['stocks/AGM-A.csv', 'AGM-A'],
    ['stocks/_PRN.csv', 'PRN'],
    ['stocks/_COM1.csv', 'COM1'],
    ['stocks/PRN.csv', 'PRN'],
    ['stocks/_OTHER.csv', '_OTHER'],
    ['archive/stocks/NAN.csv', 'NAN'],
  ])('of %s is %s', (name, symbol) => {
    expect(symbolOf(name)).toBe(symbol);
  });
});
