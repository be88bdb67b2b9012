import { expect, it } from 'vitest';
import type { FeatureRows } from '../../../../tasks/store/feature-rows.ts';
import { calibrate } from '../../../../tasks/train/fit/calibrate.ts';
import { isMonotone } from '../../../../tasks/train/fit/monotone.ts';
import { constantModel } from '../../../support/tiny-model.ts';

/** Rows with this ln(1 + vol_moving_avg) and this log ratio. */
function rowsOf(rows: [logVolMovingAvg: number, logRatio: number][]): FeatureRows {
  return {
    volume: Float64Array.from(rows, ([logVolMovingAvg, logRatio]) => Math.expm1(logVolMovingAvg + logRatio)),
    volMovingAvg: Float64Array.from(rows, ([logVolMovingAvg]) => Math.expm1(logVolMovingAvg)),
    adjCloseRollingMed: new Float64Array(rows.length),
  };
}
/** Predicts the log ratio 0 ± ln 2. */
const model = constantModel([0, 0, 0]);
/**
 * -0.99, -0.98 … 0.99. 0.9 x 200 = 180 of them must be at or above p10, so it is -0.8, and 180 at
 * or below p90: 0.8.
 */
const ratios = Array.from({ length: 199 }, (_, index) => (index - 99) / 100);

it('moves p10 and p90 so that a tenth of the volumes is beyond each', async () => {
  const { at, down, up } = await calibrate(model, rowsOf(ratios.map((ratio) => [4, ratio])), [0]);
  expect(at.map((place) => place.toFixed(9))).toEqual(['4.000000000']);
  expect(down[0]).toBeCloseTo(0.8 - Math.LN2, 9);
  expect(up[0]).toBeCloseTo(0.8 - Math.LN2, 9);
});

it('moves them by decile of vol_moving_avg: the fewer rows a decile has, the closer to the offset of all rows', async () => {
  // A decile at each of 4, 5 … 13; in the last one the ratios are twice as far from zero.
  const deciles = Array.from({ length: 10 }, (_, decile) =>
    ratios.map((ratio): [number, number] => [4 + decile, decile === 9 ? 2 * ratio : ratio]),
  );
  const { at, up } = await calibrate(model, rowsOf(deciles.flat()), [0]);
  expect(at.map((place) => place.toFixed(6))).toEqual(deciles.map((_, decile) => (4 + decile).toFixed(6)));
  // The 1,792nd of all 1,990 ratios: at or below r hundredths there are r + 100 in each of nine
  // deciles and r / 2 + 100 in the last one. r = 83 gives 1,788, r = 84 gives 1,798.
  const [own, all, weight] = [0.8 - Math.LN2, 0.84 - Math.LN2, 199 / (199 + 5000)];
  for (const offset of up.slice(0, 9)) expect(offset).toBeCloseTo(all + (own - all) * weight, 9);
  expect(up[9]).toBeCloseTo(all + (1.6 - Math.LN2 - all) * weight, 9);
});

it('returns offsets with which no prediction falls where vol_moving_avg rises', async () => {
  const steep = { ...model, scales: structuredClone(model.scales) };
  steep.scales[0] = { min: 4, max: 4.02, mean: 4, deviation: 1 };
  // p90 would have to fall by 2 within 0.02, which is too much even at the small weight of 500
  // rows.
  const rows = Array.from({ length: 5000 }, (_, row): [number, number] => {
    const place = row / 5000;
    return [4 + 0.02 * place, (ratios[row % 199] as number) + (place < 0.5 ? 3 : 0)];
  });
  const offsets = await calibrate(steep, rowsOf(rows), [0]);
  expect(Math.max(...offsets.up) - Math.min(...offsets.up)).toBeLessThan(0.02);
  expect(await isMonotone({ ...steep, offsets }, [0])).toBe(true);
});

it('moves nothing for fewer than a hundred rows', async () => {
  const rows = rowsOf([
    [0, 0],
    [0, 9],
  ]);
  expect(await calibrate(model, rows, [0])).toEqual({ at: [0], down: [0], up: [0] });
});
