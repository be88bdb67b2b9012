import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DenseLayer, Model, Prediction } from '../../model/model.ts';
import { encodeModel } from '../../model/model-file.ts';
import { createPredictor } from '../../model/predictor.ts';

/** A layer with one row of weights per input. */
export function dense(kernel: number[][], bias: number[]): DenseLayer {
  return { kernel: Float32Array.from(kernel.flat()), bias: Float32Array.from(bias) };
}

/** A model with the same outputs for all inputs; without a fourth output the point is p50. */
export function constantModel(
  outputs: [number, number, number] | [number, number, number, number],
  asOf = '2020-01-01',
): Model {
  return modelOf(
    [
      dense(
        [outputs, outputs].map((row) => row.map(() => 0)),
        outputs,
      ),
    ],
    asOf,
  );
}

/**
 * A model of these layers. Its inputs are not scaled, and clipped at ±100 log units. Where the last
 * layer has three outputs, the point is p50.
 */
export function modelOf(layers: DenseLayer[], asOf = '2020-01-01'): Model {
  const scale = { min: -100, max: 100, mean: 0, deviation: 1 };
  return {
    layers: [...layers.slice(0, -1), ...layers.slice(-1).map(withPoint)],
    scales: [scale, { ...scale }],
    offsets: { at: [0], down: [0], up: [0] },
    // All training rows have vol_moving_avg >= e - 1 and a price >= 0: the last cell.
    density: { volMovingAvgEdges: [1], adjCloseRollingMedEdges: [0], shares: Float32Array.of(0, 0, 0, 1) },
    asOf,
    provenance: { seed: '1' },
  };
}

function withPoint({ kernel, bias }: DenseLayer): DenseLayer {
  if (bias.length !== 3 || kernel.length % 3 !== 0) return { kernel, bias };
  const rows = Array.from({ length: kernel.length / 3 }, (_, row) => [...kernel.slice(row * 3, row * 3 + 3)]);
  return dense(
    rows.map((row) => [...row, row[0] as number]),
    [...bias, bias[0] as number],
  );
}

/** A model's prediction for one row. */
export function predict(model: Model, volMovingAvg: number, adjCloseRollingMed: number): Prediction {
  return createPredictor(model)(volMovingAvg, adjCloseRollingMed);
}

/** Writes a model with constant outputs into a store, where training would publish it. */
export function addModel(
  store: string,
  outputs: [number, number, number],
  asOf: string,
  provenance: Record<string, string> = {},
): void {
  const path = join(store, 'models', asOf, 'model.bin');
  mkdirSync(dirname(path), { recursive: true });
  const model = constantModel(outputs, asOf);
  writeFileSync(path, encodeModel({ ...model, provenance: { ...model.provenance, ...provenance } }));
}
