import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { interpolate, logVolume, signedLog } from '../../../../model/arithmetic.ts';
import type { Model } from '../../../../model/model.ts';
import { decodeModel } from '../../../../model/model-file.ts';
import { batcher } from '../../../../tasks/train/dataset/batch.ts';
import { type Examples, RowGatherer } from '../../../../tasks/train/dataset/rows.ts';
import { fitNetwork, measureLoss } from '../../../../tasks/train/fit/fit-network.ts';
import {
  fallOf,
  lossOf,
  Network,
  outputBiases,
  pinballLoss,
  probesOf,
} from '../../../../tasks/train/fit/network.ts';
import { createRandom } from '../../../../tasks/train/fit/random.ts';
import { loadTensorFlow, type TensorFlow } from '../../../../tasks/train/fit/tensorflow.ts';
import { LossLog } from '../../../../tasks/train/losses/loss-log.ts';
import { makeFolder } from '../../../support/fixtures.ts';
import { modelOf, predict } from '../../../support/tiny-model.ts';

let tf: TensorFlow;
beforeAll(async () => {
  tf = await loadTensorFlow();
});

describe('pinballLoss', () => {
  it.each([
    // Too low by 1 costs the quantile: (0.1 + 0.5 + 0.9) / 3. Too high by 1 costs what it lacks to 1: the same sum.
    [[0, 0, 0], 1, 0.5],
    [[0, 0, 0], -1, 0.5],
    [[3, 3, 3], 3, 0],
    // 0.1 * 2, 0.5 * 1 and (1 - 0.9) * 1
    [[1, 2, 4], 3, 0.8 / 3],
    // 0.9 * 10 for a p10 that is 10 too high
    [[10, 0, 0], 0, 3],
  ])('of %j against %d is %d', (predicted, actual, loss) => {
    const [value] = tf.tidy(() =>
      pinballLoss(tf.tensor2d([predicted]), tf.tensor1d([actual]), tf).dataSync(),
    );
    expect(value).toBeCloseTo(loss, 6);
  });

  it('is that of each row', () => {
    const predicted = tf.tensor2d([
      [0, 0, 0],
      [3, 3, 3],
    ]);
    const losses = pinballLoss(predicted, tf.tensor1d([1, 3]), tf).dataSync();
    expect([...losses].map((loss) => loss.toFixed(6))).toEqual(['0.500000', '0.000000']);
  });
});

describe('lossOf', () => {
  // The quantiles are right in every row, so that only the point counts. It is 2 too low: absolute error 2, squared 4.
  it.each([
    [[0], [1], 4],
    [[1], [1], 2],
    [[0.25], [1], 0.25 * 2 + 0.75 * 4],
    // The first row counts three times as much as the second, 1 on average.
    [[0, 1], [1.5, 0.5], (1.5 * 4 + 0.5 * 2) / 2],
  ])('with median shares %j and weights %j is %d', (medianShares, weights, loss) => {
    const rows = weights.length;
    const predicted = tf.tensor2d(Array.from({ length: rows }, () => [5, 5, 5, 3]));
    const batch = {
      inputs: tf.zeros([rows, 2]) as Tensor2D,
      targets: tf.fill([rows], 5) as Tensor1D,
      medianShares: tf.tensor1d(medianShares),
      weights: tf.tensor1d(weights),
    };
    expect(lossOf(predicted, batch, tf).dataSync()[0]).toBeCloseTo(loss, 6);
  });
});

describe('fallOf', () => {
  const scale = { min: 0, max: 10, mean: 5, deviation: 2 };
  // Log ratios that all have this slope in the scaled first input: half of it in ln(1 + vol_moving_avg).
  const withSlope = (slope: number) => {
    const inputs = probesOf([scale, scale], [0, 10], 1, tf);
    return tf.mul(tf.slice2d(inputs, [0, 0], [-1, 1]), [[slope, slope, slope, slope]]) as Tensor2D;
  };

  it.each([
    // ln(1 + volume) rises by 1 + slope / 2; 0.1 is the least that is wanted.
    ['nothing where volumes rise', 1, 0],
    ['nothing where the ratio falls, but not the volume', -1, 0],
    ['how far the slope is below the least one', -4, 1.1],
  ])('is %s', (_what, slope, fall) => {
    expect(fallOf(withSlope(slope), scale, tf).dataSync()[0]).toBeCloseTo(fall, 4);
  });
});

describe('probesOf', () => {
  it('has as many prices between each two medians, and vol_moving_avg all over its range and a little larger', () => {
    const scale = { min: 0, max: 10, mean: 5, deviation: 2 };
    const probes = probesOf([scale, scale], [0, 1, 1.1, 1.2, 10], 1, tf).arraySync() as [number, number][];
    const [before, after] = [probes.slice(0, 256), probes.slice(256)];
    const prices = before.map(([, adjCloseRollingMed]) => adjCloseRollingMed * 2 + 5);
    for (const [from, to] of [
      [0, 1],
      [1, 1.1],
      [1.1, 1.2],
      [1.2, 10],
    ] as const) {
      const share = prices.filter((price) => price >= from && price < to).length / 256;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.08);
    }
    const volMovingAvgs = before.map(([volMovingAvg]) => volMovingAvg * 2 + 5);
    expect(Math.min(...volMovingAvgs)).toBeLessThan(0.5);
    expect(Math.max(...volMovingAvgs)).toBeGreaterThan(9.5);
    for (const [row, [volMovingAvg, adjCloseRollingMed]] of after.entries())
      expect([volMovingAvg - (before[row]?.[0] ?? 0), adjCloseRollingMed]).toEqual([
        expect.closeTo(0.1, 5),
        before[row]?.[1],
      ]);
  });
});

describe('losses', () => {
  // Inputs at their mean leave the biases: p10 -2, p50 0.5, p90 1, point 0.5. The target 1 is 3, 0.5 and 0 above the quantiles:
  // pinball (0.1 x 3 + 0.5 x 0.5 + 0) / 3. Half a median at medianFrom: point 0.5 x 0.5 + 0.5 x 0.25.
  const PINBALL = 0.55 / 3;
  const POINT = 0.375;
  const start = { p10: -2, p50: 0.5, p90: 1 };
  const at = Math.log(1e5);

  it('of validation are the mean over rows of pinball and point loss, each row at its weight', async () => {
    const scale = { min: 0, max: 20, mean: at, deviation: 2 };
    const toBatch = batcher({ scales: [scale, scale], meanWeight: 2 }, 1e5, tf);
    // The second row is right in all but p10, which is 2.5 too low, and p90, which is 0.5 too high: (0.25 + 0.05) / 3. It counts thrice.
    const values = tf.tensor2d([
      [at, at, 1, 1],
      [at, at, 0.5, 3],
    ]);
    const loss = await measureLoss(new Network(1, tf, outputBiases(start)), values, toBatch, tf);
    expect(loss).toBeCloseTo((0.5 * (PINBALL + POINT) + 1.5 * 0.1) / 2, 5);
  });

  it('of training are the same, whatever predictions fall', async () => {
    const gatherer = new RowGatherer(200, tf);
    const fill = (value: number) => new Float32Array(200).fill(value);
    gatherer.add({
      path: '',
      logAverage: fill(at),
      signedLogMedian: fill(at),
      logRatio: fill(1),
      weight: fill(3),
    });
    const rows = { ...gatherer.finish(), start };
    // The first step meets random kernels, whose inputs are 0 here and whose slope makes volumes fall.
    rows.scales[0] = { ...rows.scales[0], deviation: 0.01 };
    const losses = new LossLog(makeFolder());
    onTestFinished(() => losses.close());
    await fitNetwork({ training: rows, validation: rows, seed: 1, medianFrom: 1e5, losses, onStep() {} }, tf);
    tf.dispose(rows.values);
    expect(losses.all[0]?.loss).toBeCloseTo(PINBALL + POINT, 5);
  });
});

describe('10,000 points across the range that training saw', () => {
  let model: Model;
  let points: { volMovingAvg: number; adjCloseRollingMed: number }[];

  beforeAll(() => {
    model = decodeModel(readFileSync(join(inject('sample').store, 'model.bin')));
    const random = createRandom(11);
    const [volMovingAvgs, adjCloseRollingMeds] = model.scales;
    const between = ({ min, max }: { min: number; max: number }) => min + (max - min) * random();
    points = Array.from({ length: 10_000 }, () => {
      const adjCloseRollingMed = between(adjCloseRollingMeds);
      return {
        volMovingAvg: Math.expm1(between(volMovingAvgs)),
        adjCloseRollingMed: Math.sign(adjCloseRollingMed) * Math.expm1(Math.abs(adjCloseRollingMed)),
      };
    });
  });

  it('get the same volumes from tf.layers with the trained weights as from the server', () => {
    const network = tf.sequential();
    for (const [index, { bias }] of model.layers.entries()) {
      const activation = index < model.layers.length - 1 ? 'tanh' : 'linear';
      const inputShape = index === 0 ? { inputShape: [2] } : {};
      network.add(tf.layers.dense({ units: bias.length, activation, ...inputShape }));
    }
    network.setWeights(
      model.layers.flatMap(({ kernel, bias }) => [
        tf.tensor2d(kernel, [kernel.length / bias.length, bias.length]),
        tf.tensor1d(bias),
      ]),
    );
    const outputs = (network.predict(inputs()) as Tensor2D).arraySync();
    compare(
      outputs.map(([middle = 0, below = 0, above = 0, point = 0]) => [
        middle - Math.log(1 + Math.exp(below)),
        middle,
        middle + Math.log(1 + Math.exp(above)),
        point,
      ]),
      model,
    );
  });

  it('get the same volumes from the network in training as from the server', () => {
    const network = new Network(5, tf);
    compare(network.predict(inputs()).arraySync(), { ...model, layers: network.weights() });
  });

  function inputs() {
    const rows = points.map(({ volMovingAvg, adjCloseRollingMed }) =>
      [logVolume(volMovingAvg), signedLog(adjCloseRollingMed)].map((x, index) => {
        const { mean, deviation } = model.scales[index] as Model['scales'][0];
        return (x - mean) / deviation;
      }),
    );
    return tf.tensor2d(rows, [rows.length, 2]);
  }

  function compare(logRatios: number[][], model: Model): void {
    expect(logRatios).toHaveLength(10_000);
    let furthest = 0;
    const { at, down: downs, up: ups } = model.offsets;
    for (const [row, { volMovingAvg, adjCloseRollingMed }] of points.entries()) {
      const { p10, p50, p90, point } = predict(model, volMovingAvg, adjCloseRollingMed);
      const [low = 0, middle = 0, high = 0, raw = 0] = logRatios[row] as number[];
      const [down, up] = [downs, ups].map((ends) => interpolate(logVolume(volMovingAvg), at, ends)) as [
        number,
        number,
      ];
      const ends = [Math.min(low - down, middle), Math.max(high + up, middle)] as const;
      const expectations = [ends[0], middle, ends[1], Math.min(Math.max(raw, ends[0]), ends[1])];
      for (const [output, served] of [p10, p50, p90, point].entries()) {
        const logRatio = expectations[output] as number;
        const expected = Math.max(0, (1 + volMovingAvg) * Math.exp(logRatio) - 1);
        furthest = Math.max(furthest, Math.abs(served - expected) / Math.max(1, expected));
      }
    }
    expect(furthest).toBeLessThan(1e-5);
  }
});

describe('fitNetwork', () => {
  it('keeps no tensor, neither between steps nor when it is done', async () => {
    const before = tf.memory().numTensors;
    const during: number[] = [];
    await trainNetwork(examples(1000, 1), examples(100, 2), () => during.push(tf.memory().numTensors));
    expect(during.length).toBeGreaterThan(20);
    expect(new Set(during)).toHaveLength(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('learns quantiles that part the rows as they say', async () => {
    const validation = examples(5_000, 4);
    const { layers, scales } = await trainNetwork(examples(20_000, 3), validation, () => {});
    const model: Model = { ...modelOf(layers), scales };
    const below = { p10: 0, p50: 0, p90: 0 };
    for (const [row, x] of validation.logAverage.entries()) {
      // An input far from zero shares leaves expm1 and log1p without loss.
      const volMovingAvg = Math.expm1(x);
      const predicted = predict(model, volMovingAvg, Math.expm1(validation.signedLogMedian[row] as number));
      for (const quantile of ['p10', 'p50', 'p90'] as const) {
        const logRatio = Math.log1p(predicted[quantile]) - logVolume(volMovingAvg);
        if ((validation.logRatio[row] as number) < logRatio) below[quantile]++;
      }
    }
    for (const [quantile, share] of [
      ['p10', 0.1],
      ['p50', 0.5],
      ['p90', 0.9],
    ] as const)
      expect(Math.abs(below[quantile] / 5_000 - share)).toBeLessThan(0.02);
  });

  it('begins with the quantiles that it is given', () => {
    const biases = outputBiases({ p10: -2, p50: 0.5, p90: 1 });
    const network = new Network(1, tf, biases);
    // Inputs of zero leave only the biases.
    const [first = []] = network.predict(tf.zeros([1, 2])).arraySync();
    expect(first.map((output) => output.toFixed(5))).toEqual(['-2.00000', '0.50000', '1.00000', '0.50000']);
    // Of volumes that never change all three are the same; they begin apart, so that there is something to learn from.
    const [apart = []] = new Network(1, tf, outputBiases({ p10: 0, p50: 0, p90: 0 }))
      .predict(tf.zeros([1, 2]))
      .arraySync();
    expect(apart.map((output) => output.toFixed(5))).toEqual(['-0.05000', '0.00000', '0.05000', '0.00000']);
  });

  async function trainNetwork(training: Examples, validation: Examples, onStep: () => void) {
    const losses = new LossLog(makeFolder());
    onTestFinished(() => losses.close());
    const [rows, later] = [training, validation].map((examples) => {
      const gatherer = new RowGatherer(examples.weight.length, tf);
      gatherer.add(examples);
      return gatherer.finish();
    }) as [ReturnType<RowGatherer['finish']>, ReturnType<RowGatherer['finish']>];
    const options = { training: rows, validation: later, seed: 1, medianFrom: 1e5, losses, onStep };
    const layers = await fitNetwork(options, tf);
    tf.dispose([rows.values, later.values]);
    return { layers, scales: rows.scales };
  }

  /** A log ratio that is uniform in an interval of length 1, which moves with the first input. */
  function examples(rows: number, seed: number): Examples {
    const random = createRandom(seed);
    const logAverage = Float32Array.from({ length: rows }, () => 2 + random());
    return {
      path: '',
      logAverage,
      signedLogMedian: Float32Array.from({ length: rows }, () => random()),
      logRatio: logAverage.map((x) => x / 2 - 0.5 + random()),
      weight: new Float32Array(rows).fill(1),
    };
  }
});
