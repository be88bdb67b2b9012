import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dense, Model, Prediction } from '../../model/model.ts';
import { encodeModel } from '../../model/model-file.ts';
import { createPredictor } from '../../model/predictor.ts';

/** A layer from rows of weights, one row an input. */
export function dense(kernel: number[][], bias: number[]): Dense {
  return { kernel: Float32Array.from(kernel.flat()), bias: Float32Array.from(bias) };
}

/** A model without hidden layers, whose outputs are always these, whatever the inputs; without a fourth its point is its p50. */
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
 * A model of these layers whose inputs are not scaled, and clipped far out only. Where the last layer has no output for
 * the point, the point is p50.
 */
export function modelOf(layers: Dense[], asOf = '2020-01-01'): Model {
  const scale = { min: -100, max: 100, mean: 0, deviation: 1 };
  return {
    layers: [...layers.slice(0, -1), ...layers.slice(-1).map(withPoint)],
    scales: [scale, { ...scale }],
    offsets: { at: [0], down: [0], up: [0] },
    // All rows have a vol_moving_avg from e - 1 on: the second row of cells.
    density: { averageEdges: [1], medianEdges: [0], shares: Float32Array.of(0, 0, 0, 1) },
    asOf,
    provenance: { seed: '1' },
  };
}

function withPoint({ kernel, bias }: Dense): Dense {
  if (bias.length !== 3 || kernel.length % 3 !== 0) return { kernel, bias };
  const rows = Array.from({ length: kernel.length / 3 }, (_, row) => [...kernel.slice(row * 3, row * 3 + 3)]);
  return dense(
    rows.map((row) => [...row, row[0] as number]),
    [...bias, bias[0] as number],
  );
}

/** What a model predicts of one row. */
export function predict(model: Model, volMovingAvg: number, adjCloseRollingMed: number): Prediction {
  return createPredictor(model)(volMovingAvg, adjCloseRollingMed);
}

/** Puts a model with constant outputs into a store, as training does. */
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
