import { describe, expect, it } from 'vitest';
import { logVolume } from '../../../../model/arithmetic.ts';
import type { Model } from '../../../../model/model.ts';
import {
  type ExampleSet,
  ExampleSetBuilder,
  type Examples,
} from '../../../../tasks/train/dataset/example-set.ts';
import { createBatcher } from '../../../../tasks/train/fit/batch.ts';
import { fitNetwork, validationLoss } from '../../../../tasks/train/fit/fit-network.ts';
import { Network, outputBiases } from '../../../../tasks/train/fit/network.ts';
import { createRandom } from '../../../../tasks/train/fit/random.ts';
import { LossLog } from '../../../../tasks/train/losses/loss-log.ts';
import { loadTensorFlow } from '../../../../tasks/train/tensorflow.ts';
import { makeFolder } from '../../../support/fixtures.ts';
import { modelOf, predict } from '../../../support/tiny-model.ts';

const tf = await loadTensorFlow();

describe('the logged loss', () => {
  // With inputs at their mean only the biases count: p10 -2, p50 0.5, p90 1, point 0.5. The target
  // 1 is 3, 0.5 and 0 above the quantiles: pinball (0.1 x 3 + 0.5 x 0.5 + 0) / 3. At medianFrom the
  // median's share is a half: point 0.5 x 0.5 + 0.5 x 0.25.
  const PINBALL = 0.55 / 3;
  const POINT = 0.375;
  const logRatioQuantiles = { p10: -2, p50: 0.5, p90: 1 };
  const at = Math.log(1e5);

  it('of validation is the weighted mean of pinball and point loss over the rows', async () => {
    const scale = { min: 0, max: 20, mean: at, deviation: 2 };
    const toBatch = createBatcher({ scales: [scale, scale], meanWeight: 2 }, 1e5, tf);
    // The second row is exact except for p10, 2.5 too low, and p90, 0.5 too high: (0.25 + 0.05) /
    // 3. It has three times the weight.
    const values = tf.tensor2d([
      [at, at, 1, 1],
      [at, at, 0.5, 3],
    ]);
    const loss = await validationLoss(
      new Network(1, tf, outputBiases(logRatioQuantiles)),
      values,
      toBatch,
      tf,
    );
    expect(loss).toBeCloseTo((0.5 * (PINBALL + POINT) + 1.5 * 0.1) / 2, 5);
  });

  it('of training is the same, without the penalty', async () => {
    const builder = new ExampleSetBuilder(200, tf);
    const fill = (value: number) => new Float32Array(200).fill(value);
    builder.add({
      path: '',
      logVolMovingAvg: fill(at),
      signedLogAdjCloseRollingMed: fill(at),
      logRatio: fill(1),
      weight: fill(3),
    });
    const rows = { ...builder.build(), logRatioQuantiles };
    // In the first step the kernels are random: inputs of 0 hide them from the loss, but their
    // slope makes volumes fall.
    rows.scales[0] = { ...rows.scales[0], deviation: 0.01 };
    using losses = new LossLog(makeFolder());
    await fitNetwork({ training: rows, validation: rows, seed: 1, medianFrom: 1e5, losses, onStep() {} }, tf);
    tf.dispose(rows.values);
    expect(losses.all[0]?.loss).toBeCloseTo(PINBALL + POINT, 5);
  });
});

describe('fitNetwork', () => {
  it('keeps no tensors between steps or at the end', async () => {
    const before = tf.memory().numTensors;
    const during: number[] = [];
    await trainNetwork(examples(1000, 1), examples(100, 2), () => during.push(tf.memory().numTensors));
    expect(during.length).toBeGreaterThan(20);
    expect(new Set(during)).toHaveLength(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('learns quantiles with the right share of rows below each', async () => {
    const validation = examples(5_000, 4);
    const { layers, scales } = await trainNetwork(examples(20_000, 3), validation, () => {});
    const model: Model = { ...modelOf(layers), scales };
    const below = { p10: 0, p50: 0, p90: 0 };
    for (const [row, x] of validation.logVolMovingAvg.entries()) {
      const volMovingAvg = Math.expm1(x);
      const predicted = predict(
        model,
        volMovingAvg,
        Math.expm1(validation.signedLogAdjCloseRollingMed[row] as number),
      );
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

  async function trainNetwork(training: Examples, validation: Examples, onStep: () => void) {
    using losses = new LossLog(makeFolder());
    const [rows, later] = [training, validation].map((examples) => {
      const builder = new ExampleSetBuilder(examples.weight.length, tf);
      builder.add(examples);
      return builder.build();
    }) as [ExampleSet, ExampleSet];
    const options = { training: rows, validation: later, seed: 1, medianFrom: 1e5, losses, onStep };
    const layers = await fitNetwork(options, tf);
    tf.dispose([rows.values, later.values]);
    return { layers, scales: rows.scales };
  }

  /** The log ratio is uniform in an interval of length 1 that moves with vol_moving_avg. */
  function examples(rows: number, seed: number): Examples {
    const random = createRandom(seed);
    const logVolMovingAvg = Float32Array.from({ length: rows }, () => 2 + random());
    return {
      path: '',
      logVolMovingAvg,
      signedLogAdjCloseRollingMed: Float32Array.from({ length: rows }, () => random()),
      logRatio: logVolMovingAvg.map((x) => x / 2 - 0.5 + random()),
      weight: new Float32Array(rows).fill(1),
    };
  }
});
