import { describe, expect, test } from 'vitest';
import { csvOfVolumes, ingestFiles, metadata, readRows } from '../fixtures.ts';

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
