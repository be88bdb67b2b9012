import { expect, it } from 'vitest';
import type { Block } from '../../../../tasks/train/dataset/dataset.ts';
import { calibrate } from '../../../../tasks/train/fit/calibrate.ts';
import { isMonotone } from '../../../../tasks/train/fit/monotone.ts';
import { constantModel } from '../../../support/tiny-model.ts';

/** Rows with this ln(1 + vol_moving_avg) and this log ratio. A model with the outputs 0, 0, 0 says that the ratio is 0 ± ln 2. */
function blockOf(rows: [logAverage: number, logRatio: number][]): Block {
  const zeros = new Float64Array(rows.length);
  return {
    isEtf: undefined,
    year: new Int32Array(rows.length),
    volume: Float64Array.from(rows, ([logAverage, logRatio]) => Math.expm1(logAverage + logRatio)),
    volMovingAvg: Float64Array.from(rows, ([logAverage]) => Math.expm1(logAverage)),
    adjCloseRollingMed: zeros,
    laggedVolMovingAvg: zeros,
    laggedAdjCloseRollingMed: zeros,
  };
}
const model = constantModel([0, 0, 0]);
/** -0.99, -0.98 … 0.99: p10 is to have 0.9 x 200 = 180 of them at or above it, -0.8, and p90 as many at or below it, 0.8. */
const ratios = Array.from({ length: 199 }, (_, index) => (index - 99) / 100);

it('moves both ends so that a tenth of the volumes lies beyond each', async () => {
  const { at, down, up } = await calibrate(model, blockOf(ratios.map((ratio) => [4, ratio])), [0]);
  expect(at.map((place) => place.toFixed(9))).toEqual(['4.000000000']);
  expect(down[0]).toBeCloseTo(0.8 - Math.LN2, 9);
  expect(up[0]).toBeCloseTo(0.8 - Math.LN2, 9);
});

it('moves them by tenths of vol_moving_avg, each drawn towards what holds for all the more the fewer rows it has', async () => {
  // A tenth at each of 4, 5 … 13; in the highest tenth ratios are twice as far from zero.
  const tenths = Array.from({ length: 10 }, (_, tenth) =>
    ratios.map((ratio): [number, number] => [4 + tenth, tenth === 9 ? 2 * ratio : ratio]),
  );
  const { at, up } = await calibrate(model, blockOf(tenths.flat()), [0]);
  expect(at.map((place) => place.toFixed(6))).toEqual(tenths.map((_, tenth) => (4 + tenth).toFixed(6)));
  // Of all 1,990 the 1,792nd: with r hundredths in nine tenths and r / 2 in the tenth, 9 x (r + 100) + r / 2 + 100 at or below: r = 84 gives 1,798, 83 1,788.
  const [own, all, weight] = [0.8 - Math.LN2, 0.84 - Math.LN2, 199 / (199 + 5000)];
  for (const tenth of up.slice(0, 9)) expect(tenth).toBeCloseTo(all + (own - all) * weight, 9);
  expect(up[9]).toBeCloseTo(all + (1.6 - Math.LN2 - all) * weight, 9);
});

it('gives offsets with which no prediction falls where vol_moving_avg rises', async () => {
  const steep = { ...model, scales: structuredClone(model.scales) };
  steep.scales[0] = { min: 4, max: 4.02, mean: 4, deviation: 1 };
  // p90 would have to fall by 2 within 0.02, of which even the small weight of 500 rows is too much.
  const rows = Array.from({ length: 5000 }, (_, row): [number, number] => {
    const place = row / 5000;
    return [4 + 0.02 * place, (ratios[row % 199] as number) + (place < 0.5 ? 3 : 0)];
  });
  const offsets = await calibrate(steep, blockOf(rows), [0]);
  expect(Math.max(...offsets.up) - Math.min(...offsets.up)).toBeLessThan(0.02);
  expect(await isMonotone({ ...steep, offsets }, [0])).toBe(true);
});

it('moves nothing on the word of fewer than a hundred rows', async () => {
  const rows = blockOf([
    [0, 0],
    [0, 9],
  ]);
  expect(await calibrate(model, rows, [0])).toEqual({ at: [0], down: [0], up: [0] });
});
