import { signedExp } from './arithmetic.ts';
import { type Model, ModelError } from './model.ts';
import { createPredictor } from './predictor.ts';

/** Relative. Versions of V8 differ in the last digits of log and exp. */
const TOLERANCE = 1e-9;

/** vol_moving_avg, adj_close_rolling_med, and the model's point, p10, p50 and p90 for them. */
export type GoldenVector = [number, number, number, number, number, number];

/** Predictions at the ends of the range that training saw, at its mean, and beyond its ends. */
export function goldenVectors(model: Model): GoldenVector[] {
  const predict = createPredictor(model);
  const [volMovingAvgs = [], adjCloseRollingMeds = []] = model.scales.map(({ min, max, mean }) => [
    min - 1,
    min,
    mean,
    max,
    max + 1,
  ]);
  return volMovingAvgs.flatMap((logVolMovingAvg) =>
    adjCloseRollingMeds.map((signedLogAdjCloseRollingMed): GoldenVector => {
      const inputs = [
        Math.max(0, signedExp(logVolMovingAvg)),
        signedExp(signedLogAdjCloseRollingMed),
      ] as const;
      const { point, p10, p50, p90 } = predict(...inputs);
      return [...inputs, point, p10, p50, p90];
    }),
  );
}

/** @throws ModelError when this program predicts differently from the one that wrote the model */
export function verifyGoldenVectors(model: Model, vectors: GoldenVector[]): void {
  const predict = createPredictor(model);
  for (const [volMovingAvg, adjCloseRollingMed, ...expected] of vectors) {
    const { point, p10, p50, p90 } = predict(volMovingAvg, adjCloseRollingMed);
    const isSame = [point, p10, p50, p90].every((value, index) => {
      const golden = expected[index] as number;
      return Math.abs(value - golden) <= TOLERANCE * Math.max(1, Math.abs(golden));
    });
    if (!isSame)
      throw new ModelError(
        'does not give its golden vectors: predictions here differ from those in training',
      );
  }
}
