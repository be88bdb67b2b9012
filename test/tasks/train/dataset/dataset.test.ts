import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../../../tasks/context.ts';
import { features } from '../../../../tasks/features/features.ts';
import { openDataset, type ShardedDataset } from '../../../../tasks/store/shards.ts';
import {
  findSplit,
  readBlock,
  readTraining,
  readValidation,
} from '../../../../tasks/train/dataset/dataset.ts';
import type { Examples } from '../../../../tasks/train/dataset/rows.ts';
import { csvOfVolumes, ingestFiles, runHere } from '../../../support/fixtures.ts';

// Rows from 2020-01-01 on, a day apart, in windows of two: the n-th row of A has the volume n, and n - 0.5 as its mean.
const days = (count: number, first: number) => Array.from({ length: count }, (_, day) => first + day);
const SPLIT = {
  asOf: '2020-02-07',
  validationFrom: '2020-02-04',
  measureFrom: '2020-02-06',
  newestRow: '2020-02-06',
};
const HALF_LIFE = 2 / 365.25;

let store: string;
beforeEach(async () => {
  const files = {
    'stocks/A.csv': csvOfVolumes(...days(40, 1)),
    'etfs/B.csv': csvOfVolumes(...days(36, 1001)),
  };
  store = (await ingestFiles(files, { shards: 2 })).store;
  await runHere(features, { window: 2 }, store);
});

describe('readTraining', () => {
  const read = () =>
    onFeatures((dataset, context) => gather(readTraining(dataset, SPLIT, HALF_LIFE, context)));

  // Full windows before 2020-02-04 are those from 01-02 to 02-03, 33 of each symbol; 30 are the embargo.
  it('gives all rows before the validation block but the last 30 of each symbol', async () => {
    const rows = await read();
    const volumes = [2, 3, 4, 1002, 1003, 1004];
    expect(rows.map(({ logAverage }) => Math.expm1(logAverage))).toEqual(
      volumes.map((volume) => expect.closeTo(volume - 0.5, 2)),
    );
    expect(rows.map(({ logRatio }) => logRatio)).toEqual(
      volumes.map((volume) => expect.closeTo(Math.log((volume + 1) / (volume + 0.5)), 5)),
    );
    expect(new Set(rows.map(({ signedLogMedian }) => signedLogMedian))).toEqual(
      new Set([Math.fround(Math.LN2)]),
    );
  });

  // They lie 33, 32 and 31 days before it.
  it('halves the weight of a row for each half-life of its age', async () => {
    const weights = [33, 32, 31, 33, 32, 31].map((age) => 2 ** (-age / 2));
    const rows = await read();
    expect(rows.map(({ weight }, row) => weight / (weights[row] as number))).toEqual(
      weights.map(() => expect.closeTo(1, 5)),
    );
  });
});

it('readValidation gives all rows from then on until those that measure, of the same weight', async () => {
  const rows = await onFeatures((dataset, context) => gather(readValidation(dataset, SPLIT, context)));
  expect(rows.map(({ logAverage }) => Math.round(Math.expm1(logAverage) + 0.5))).toEqual([
    35, 36, 1035, 1036,
  ]);
  expect(rows.map(({ weight }) => weight)).toEqual([1, 1, 1, 1]);
});

// With windows of two, 31 rows have 30 full ones; validation begins with the 28th of these, and all 27 before it are embargoed.
describe('too few rows', () => {
  const split = async (volumes: number[], asOf?: string) => {
    const { store } = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(...volumes) });
    await runHere(features, { window: 2 }, store);
    return onFeatures(async (dataset, context) => {
      const found = await findSplit(dataset, asOf, context);
      return gather(readTraining(dataset, found, HALF_LIFE, context));
    }, store);
  };

  it('are to become more, where the as-of date already is the day after the last one', async () => {
    await expect(split(days(31, 1))).rejects.toThrow('; there are too few rows: ingest more');
    await expect(split(days(31, 1), '2020-02-01')).rejects.toThrow('; there are too few rows: ingest more');
    await expect(split([1])).rejects.toThrow('has a full window; there are too few rows: ingest more');
  });

  it('before an earlier as-of date may be had by a later one, too', async () => {
    await expect(split(days(31, 1), '2020-01-31')).rejects.toThrow(
      '; give a later --as-of, or ingest more rows',
    );
    await expect(split(days(31, 1), '2020-01-02')).rejects.toThrow(
      'has a full window; give a later --as-of, or ingest more rows',
    );
  });
});

describe('readBlock', () => {
  it('gives the rows of a span with their kind and the features of the row before', async () => {
    const block = await onFeatures((dataset, context) =>
      readBlock(dataset, ['2020-02-04', '2020-02-06'], context),
    );
    expect(block).toEqual({
      year: Int32Array.of(2020, 2020, 2020, 2020),
      isEtf: Int32Array.of(0, 0, 1, 1),
      volume: Float64Array.of(35, 36, 1035, 1036),
      volMovingAvg: Float64Array.of(34.5, 35.5, 1034.5, 1035.5),
      adjCloseRollingMed: Float64Array.of(1, 1, 1, 1),
      laggedVolMovingAvg: Float64Array.of(33.5, 34.5, 1033.5, 1034.5),
      laggedAdjCloseRollingMed: Float64Array.of(1, 1, 1, 1),
    });
  });

  it('has no features of the row before at the first full window, whatever symbol lies before it', async () => {
    const block = await onFeatures((dataset, context) =>
      readBlock(dataset, ['2020-01-01', '2020-01-04'], context),
    );
    expect(block.volMovingAvg).toEqual(Float64Array.of(1.5, 2.5, 1001.5, 1002.5));
    expect(block.laggedVolMovingAvg).toEqual(Float64Array.of(Number.NaN, 1.5, Number.NaN, 1001.5));
    expect(block.laggedAdjCloseRollingMed).toEqual(Float64Array.of(Number.NaN, 1, Number.NaN, 1));
  });

  it('leaves the kinds out where the features do not know them', async () => {
    const [key] = readdirSync(join(store, 'features')).filter((name) => !name.includes('.')) as [string];
    const path = join(store, 'features', key, 'shard-00.json');
    const { etfs: _, ...older } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(older));
    const block = await onFeatures((dataset, context) =>
      readBlock(dataset, ['2020-02-04', '2020-02-06'], context),
    );
    expect(block.isEtf).toBeUndefined();
    expect(block.volume).toHaveLength(4);
  });
});

function onFeatures<Result>(
  work: (dataset: ShardedDataset, context: Context) => Promise<Result>,
  from = store,
): Promise<Result> {
  return runHere(
    async (_options, context) =>
      work(await openDataset('features', undefined, 'features', context.store), context),
    {},
    from,
  );
}

type Row = Record<Exclude<keyof Examples, 'path'>, number>;

/** The rows of all shards, one object each, those of A first. */
async function gather(parts: AsyncIterable<Examples>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { logAverage, signedLogMedian, logRatio, weight } of parts)
    for (const [row, value] of weight.entries())
      rows.push({
        logAverage: logAverage[row] as number,
        signedLogMedian: signedLogMedian[row] as number,
        logRatio: logRatio[row] as number,
        weight: value,
      });
  return rows.sort((a, b) => a.logAverage - b.logAverage);
}
