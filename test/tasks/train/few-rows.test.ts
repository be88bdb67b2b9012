import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Model, Scale } from '../../../model/model.ts';
import { decodeModel } from '../../../model/model-file.ts';
import { features } from '../../../tasks/features/features.ts';
import type { Check } from '../../../tasks/store/result.ts';
import { isMonotone } from '../../../tasks/train/fit/monotone.ts';
import { train } from '../../../tasks/train/train.ts';
import {
  csv,
  csvOfVolumes,
  type Files,
  ingestFiles,
  runInProcess,
  TRAIN_OPTIONS,
} from '../../support/fixtures.ts';
import { predict } from '../../support/tiny-model.ts';

const DAYS = 600;
const rows = Array.from({ length: DAYS }, (_, day) => day);

it.each<[string, Files]>([
  ['one symbol', { 'stocks/A.csv': csvOfVolumes(...rows.map((day) => 1000 + ((day * 37) % 101))) }],
  ['a volume that never changes', { 'stocks/A.csv': csvOfVolumes(...rows.map(() => 500)) }],
  ['no trade ever', { 'stocks/A.csv': csvOfVolumes(...rows.map(() => 0)) }],
  [
    'absurd prices and volumes',
    {
      'stocks/A.csv': csvOfPrices([-2.4e21, 1.9e19, 1.7e11, 1e-300, -0.5]),
      'stocks/B.csv': csvOfPrices([25, 26]),
    },
  ],
])(
  'trains on %s; predictions are finite, ordered, and do not fall where vol_moving_avg rises',
  async (_what, files) => {
    const { model } = await trainOn(files);
    expect(await isMonotone(model, gridOver(model.scales[1]))).toBe(true);
    for (const volMovingAvg of [0, 1, 500, 1e6, 1e12]) {
      for (const adjCloseRollingMed of [-1e21, -1, 0, 25, 1e19]) {
        const { point, p10, p50, p90 } = predict(model, volMovingAvg, adjCloseRollingMed);
        const inOrder = [0, p10, p50, p90, Number.MAX_SAFE_INTEGER];
        expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
        expect(point).toBeGreaterThanOrEqual(p10);
        expect(point).toBeLessThanOrEqual(p90);
      }
    }
  },
);

it.each([1_000, 7])(
  'predicts a volume that is always %d, at two prices, with an error below 5 %%',
  async (volume) => {
    const days = rows.flatMap((day) => [day, DAYS + day]);
    const { model, read, checks } = await trainOn({
      'stocks/A.csv': csvOfVolumes(...days.map(() => volume)),
      'stocks/B.csv': csvOfPrices([25], [volume]),
    });
    expect(model.scales[0]).toMatchObject({ mean: Math.fround(Math.log1p(volume)), deviation: 1 });
    for (const adjCloseRollingMed of [1, 25]) {
      const { point, p50 } = predict(model, volume, adjCloseRollingMed);
      expect(Math.abs(point / volume - 1)).toBeLessThan(0.05);
      expect(Math.abs(p50 / volume - 1)).toBeLessThan(0.05);
    }
    const { vol_moving_avg, ...metrics } = JSON.parse(read('metrics.json'));
    expect(vol_moving_avg).toMatchObject({ mae: 0, rmsle: 0, r2: null });
    expect(metrics.by_year[0].mae).toBeLessThan(0.05 * volume);
    expect(checks[0]?.value).toSatisfy(Number.isFinite);
    expect(read('card.md')).toMatch(/vol_moving_avg itself \| \d+ \| 0 \| 0\.0000 \| {2}\|/);
    expect(read('card.md')).not.toMatch(/NaN|Infinity|null|undefined/);
  },
);

/** Fifty evenly spaced values from the smallest to the largest. */
function gridOver({ min, max }: Scale): number[] {
  return Array.from({ length: 50 }, (_, index) => min + ((max - min) * index) / 49);
}

async function trainOn(files: Files): Promise<{ model: Model; read(file: string): string; checks: Check[] }> {
  const { store } = await ingestFiles(files);
  await runInProcess(features, { window: 30 }, store);
  const { outputs, checks } = await runInProcess(train, TRAIN_OPTIONS, store);
  const path = (file: string) => join(String(outputs[0]?.uri), file);
  return {
    model: decodeModel(readFileSync(path('model.bin'))),
    read: (file) => readFileSync(path(file), 'utf8'),
    checks,
  };
}

/** Cycles through the prices and volumes, by default up to the largest volume of the real data. */
function csvOfPrices(prices: number[], volumes = [0, 1, 1_860_000_000, 40]): string {
  return csv(
    ...rows.map((day) => {
      const date = new Date(Date.UTC(2018, 0, 1 + day)).toISOString().slice(0, 10);
      const price = prices[day % prices.length];
      return `${date},${price},${price},${price},${price},${price},${volumes[day % volumes.length]}`;
    }),
  );
}
