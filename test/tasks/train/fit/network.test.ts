import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor2D } from '@tensorflow/tfjs-node';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { interpolate, logVolume, signedLog } from '../../../../model/arithmetic.ts';
import type { Model } from '../../../../model/model.ts';
import { decodeModel } from '../../../../model/model-file.ts';
import { Network, outputBiases } from '../../../../tasks/train/fit/network.ts';
import { createRandom } from '../../../../tasks/train/fit/random.ts';
import { loadTensorFlow } from '../../../../tasks/train/tensorflow.ts';
import { predict } from '../../../support/tiny-model.ts';

const tf = await loadTensorFlow();

it('outputBiases make the network start from the given quantiles', () => {
  const biases = outputBiases({ p10: -2, p50: 0.5, p90: 1 });
  const network = new Network(1, tf, biases);
  // With inputs of 0 only the biases count.
  const [first = []] = network.predict(tf.zeros([1, 2])).arraySync();
  expect(first.map((output) => output.toFixed(5))).toEqual(['-2.00000', '0.50000', '1.00000', '0.50000']);
  // Where volumes never change, all three quantiles are equal. They start apart, where the gradient
  // is not 0.
  const [apart = []] = new Network(1, tf, outputBiases({ p10: 0, p50: 0, p90: 0 }))
    .predict(tf.zeros([1, 2]))
    .arraySync();
  expect(apart.map((output) => output.toFixed(5))).toEqual(['-0.05000', '0.00000', '0.05000', '0.00000']);
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

  it('get the same volumes from tf.layers with the trained weights as from the predictor', () => {
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

  it('get the same volumes from the network in training as from the predictor', () => {
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
    let maxError = 0;
    const { at, down: downs, up: ups } = model.offsets;
    for (const [row, { volMovingAvg, adjCloseRollingMed }] of points.entries()) {
      const { p10, p50, p90, point } = predict(model, volMovingAvg, adjCloseRollingMed);
      const [low = 0, middle = 0, high = 0, rawPoint = 0] = logRatios[row] as number[];
      const [down, up] = [downs, ups].map((offsets) => interpolate(logVolume(volMovingAvg), at, offsets)) as [
        number,
        number,
      ];
      const [min, max] = [Math.min(low - down, middle), Math.max(high + up, middle)];
      const expectations = [min, middle, max, Math.min(Math.max(rawPoint, min), max)];
      for (const [output, predicted] of [p10, p50, p90, point].entries()) {
        const logRatio = expectations[output] as number;
        const expected = Math.max(0, (1 + volMovingAvg) * Math.exp(logRatio) - 1);
        maxError = Math.max(maxError, Math.abs(predicted - expected) / Math.max(1, expected));
      }
    }
    expect(maxError).toBeLessThan(1e-5);
  }
});
