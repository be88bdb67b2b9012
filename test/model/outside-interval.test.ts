import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { isInDomain, logVolume, signedExp, signedLog } from '../../model/arithmetic.ts';
import type { Model, Prediction } from '../../model/model.ts';
import { decodeModel } from '../../model/model-file.ts';
import { createOutsideInterval } from '../../model/outside-interval.ts';
import { createPredictor } from '../../model/predictor.ts';
import { scoreRow } from '../../serving/scoring/score-row.ts';
import { inService } from '../../serving/scoring/service.ts';
import { createRandom } from '../../tasks/train/fit/random.ts';
import { constantModel, dense, modelOf } from '../support/tiny-model.ts';

describe('an interval outside the domain', () => {
  // Training saw volumes of e² - 1 to e⁴ - 1 shares and prices of 0 to e - 1. The model says that
  // p10 is e^-1 and p90 e^2 times 1 + vol_moving_avg.
  const model: Model = {
    ...constantModel([0, rawDistance(1), rawDistance(2)]),
    scales: [
      { min: 2, max: 4, mean: 0, deviation: 1 },
      { min: 0, max: 1, mean: 0, deviation: 1 },
    ],
    density: { volMovingAvgEdges: [1], adjCloseRollingMedEdges: [], shares: Float32Array.of(0, 1) },
  };

  // By hand, as ln(1 + shares): inside at 4 it is from 3 to 6.
  it.each<[string, number, number, number, number]>([
    ['2 above the volumes: p10 stays, p90 rises with the volume and the distance', 6, 0.5, 3 - 2, 8 + 2],
    ['3 above the prices', 4, 4, 3 - 3, 6 + 3],
    ['1 below the prices', 4, -1, 3 - 1, 6 + 1],
    ['3 and 4 away, 5 in all', 7, 5, 0, 9 + 5],
    ['1 below the volumes: p10 is at least no share', 1, 0.5, 0, 4 + 1],
  ])('%s', (_where, logVolMovingAvg, signedLogAdjCloseRollingMed, low, high) => {
    const { p10, p90 } = predictWidened(
      model,
      signedExp(logVolMovingAvg),
      signedExp(signedLogAdjCloseRollingMed),
    );
    expect(logVolume(p10)).toBeCloseTo(low, 6);
    expect(logVolume(p90)).toBeCloseTo(high, 6);
  });

  it('leaves the point and p50 as they are', () => {
    const { point, p50 } = createPredictor(model)(1e6, 1e6);
    expect(predictWidened(model, 1e6, 1e6)).toMatchObject({ point, p50 });
  });

  it('is what the server answers; inside, the interval is that of the model', () => {
    const current = inService(model);
    const { p10, p90 } = createPredictor(model)(20, 1);
    expect(scoreRow({ current }, current, 20, 1)).toMatchObject({ p10, p90, in_domain: true });
    const outside = predictWidened(model, 20, -3);
    expect(scoreRow({ current }, current, 20, -3)).toMatchObject({
      p10: outside.p10,
      p90: outside.p90,
      in_domain: false,
    });
  });

  it('is all volumes where no cell has enough rows', () => {
    const unseen = { ...model, density: { ...model.density, shares: Float32Array.of(0, 0) } };
    expect(predictWidened(unseen, 20, 1)).toMatchObject({ p10: 0, p90: Number.MAX_SAFE_INTEGER });
  });
});

describe.each([
  ['the model of the sample', () => decodeModel(readFileSync(join(inject('sample').store, 'model.bin')))],
  ['a model of random weights', randomModel],
])('with %s, for inputs outside the domain', (_kind, makeModel) => {
  it('the interval has the one at the nearest point inside in it, and is at least as wide', () => {
    const model = makeModel();
    const predict = createPredictor(model);
    const random = createRandom(7);
    const cells = domainOf(model);
    let outside = 0;
    let narrower = 0;
    for (let row = 0; row < 20_000; row++) {
      const inputs = drawInputs(random, row);
      if (isInDomain(model, ...inputs)) continue;
      outside++;
      const nearest = nearestInside(inputs, cells);
      const inside = predict(...nearest);
      const widened = predictWidened(model, ...inputs);
      const what = `${inputs} near ${nearest}`;
      expect(logVolume(widened.p10), what).toBeLessThanOrEqual(logVolume(inside.p10) + 1e-6);
      expect(logVolume(widened.p90), what).toBeGreaterThanOrEqual(logVolume(inside.p90) - 1e-6);
      expect(widthOf(widened), what).toBeGreaterThanOrEqual(widthOf(inside) - 1e-6);
      expect(widened.p10 <= widened.point && widened.point <= widened.p90, what).toBe(true);
      if (widthOf(predict(...inputs)) < widthOf(inside) - 1e-6) narrower++;
    }
    // Without the widening, the test would fail.
    expect(outside).toBeGreaterThan(1_000);
    expect(narrower).toBeGreaterThan(100);
  });
});

/** The input of softplus that gives this distance. */
function rawDistance(distance: number): number {
  return Math.log(Math.expm1(distance));
}

function predictWidened(model: Model, volMovingAvg: number, adjCloseRollingMed: number): Prediction {
  const prediction = createPredictor(model)(volMovingAvg, adjCloseRollingMed);
  return createOutsideInterval(model)(prediction, volMovingAvg, adjCloseRollingMed);
}

function widthOf({ p10, p90 }: Prediction): number {
  return logVolume(p90) - logVolume(p10);
}

/** Inputs near the domain, far from it, and at the ends of what the server accepts. */
function drawInputs(random: () => number, row: number): [number, number] {
  if (row % 50 === 0) return [Number.MAX_SAFE_INTEGER * random(), 1e300 * (random() - 0.5)];
  if (row % 50 === 1) return [0, signedExp(20 * (random() - 0.5))];
  return [signedExp(30 * random()), signedExp(20 * (random() - 0.3))];
}

/** The cells of the domain in log units, [from, to] of both inputs, from the model's own fields. */
function domainOf({ scales, density }: Model): [number, number, number, number][] {
  const { volMovingAvgEdges: v, adjCloseRollingMedEdges: a, shares } = density;
  const cells: [number, number, number, number][] = [];
  for (let i = 0; i <= v.length; i++)
    for (let j = 0; j <= a.length; j++) {
      if ((shares[i * (a.length + 1) + j] as number) < 1e-5) continue;
      cells.push([
        Math.max(v[i - 1] ?? -Infinity, scales[0].min),
        Math.min(v[i] ?? Infinity, scales[0].max),
        Math.max(a[j - 1] ?? -Infinity, scales[1].min),
        Math.min(a[j] ?? Infinity, scales[1].max),
      ]);
    }
  return cells;
}

function nearestInside(
  [volMovingAvg, adjCloseRollingMed]: [number, number],
  cells: [number, number, number, number][],
): [number, number] {
  const x = logVolume(volMovingAvg);
  const y = signedLog(adjCloseRollingMed);
  const points = cells.map(([x0, x1, y0, y1]) => [
    Math.max(x0, Math.min(x, x1)),
    Math.max(y0, Math.min(y, y1)),
  ]);
  const distances = points.map(([px = 0, py = 0]) => (px - x) ** 2 + (py - y) ** 2);
  const [px = 0, py = 0] = points[distances.indexOf(Math.min(...distances))] ?? [];
  return [signedExp(px), signedExp(py)];
}

/** A network of random weights, with a domain of some cells and with holes. */
function randomModel(): Model {
  const random = createRandom(3);
  const weights = (count: number) => Array.from({ length: count }, () => 2 * random() - 1);
  const model = modelOf([
    dense([weights(8), weights(8)], weights(8)),
    dense(
      Array.from({ length: 8 }, () => weights(4)),
      weights(4),
    ),
  ]);
  return {
    ...model,
    scales: [
      { min: 3, max: 19, mean: 11, deviation: 3 },
      { min: -1, max: 7, mean: 3, deviation: 2 },
    ],
    density: {
      volMovingAvgEdges: [5, 8, 11, 14],
      adjCloseRollingMedEdges: [0, 2, 4],
      shares: Float32Array.from({ length: 20 }, (_, cell) => (cell % 3 === 0 ? 0 : 0.07)),
    },
  };
}
