import { signedExp } from './arithmetic.ts';
import { type Model, ModelError } from './model.ts';
import { createPredictor } from './predictor.ts';

/** How far a golden vector may be from what this program computes: versions of V8 differ in the last digits of log and exp. */
const GOLDEN_TOLERANCE = 1e-9;

/** vol_moving_avg, adj_close_rolling_med, and what the model makes of them. */
export type GoldenVector = [number, number, number, number, number, number];

/** What the model predicts at the ends of what training saw, in between, and beyond. */
export function goldenVectors(model: Model): GoldenVector[] {
  const predict = createPredictor(model);
  const [volMovingAvgs, adjCloseRollingMeds] = model.scales.map(({ min, max, mean }) => [
    min - 1,
    min,
    mean,
    max,
    max + 1,
  ]);
  return (volMovingAvgs ?? []).flatMap((volMovingAvg) =>
    (adjCloseRollingMeds ?? []).map((adjCloseRollingMed): GoldenVector => {
      const inputs = [Math.max(0, signedExp(volMovingAvg)), signedExp(adjCloseRollingMed)] as const;
      const { point, p10, p50, p90 } = predict(...inputs);
      return [...inputs, point, p10, p50, p90];
    }),
  );
}

/** @throws ModelError when this program computes something else than the one that wrote the model */
export function verifyGolden(model: Model, vectors: GoldenVector[]): void {
  const predict = createPredictor(model);
  for (const [volMovingAvg, adjCloseRollingMed, ...expected] of vectors) {
    const { point, p10, p50, p90 } = predict(volMovingAvg, adjCloseRollingMed);
    const isSame = [point, p10, p50, p90].every((value, index) => {
      const golden = expected[index] as number;
      return Math.abs(value - golden) <= GOLDEN_TOLERANCE * Math.max(1, Math.abs(golden));
    });
    if (!isSame) throw new ModelError(`predicts something else here than where it was trained`);
  }
}
