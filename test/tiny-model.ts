import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Dense, encodeModel, type Model } from '../serving/model.ts';

/** A layer from rows of weights, one row an input. */
export function dense(kernel: number[][], bias: number[]): Dense {
  return { kernel: Float32Array.from(kernel.flat()), bias: Float32Array.from(bias) };
}

/** A model without hidden layers, whose three outputs are always these, whatever the inputs. */
export function constantModel(outputs: [number, number, number], asOf = '2020-01-01'): Model {
  return modelOf(
    [
      dense(
        [
          [0, 0, 0],
          [0, 0, 0],
        ],
        outputs,
      ),
    ],
    asOf,
  );
}

/** A model of these layers whose inputs are not scaled, and clipped far out only. */
export function modelOf(layers: Dense[], asOf = '2020-01-01'): Model {
  const scale = { min: -100, max: 100, mean: 0, deviation: 1 };
  return { layers, scales: [scale, { ...scale }], asOf, provenance: { seed: '1' } };
}

/** Puts a model with constant outputs into a store, as training does. */
export function addModel(store: string, outputs: [number, number, number], asOf: string): void {
  const path = join(store, 'models', asOf, 'model.bin');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodeModel(constantModel(outputs, asOf)));
}
