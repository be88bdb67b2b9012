import type { Model } from '../../../model/model.ts';
import { bestMultiple, predictAll, type Score, score } from '../../../model/score.ts';
import type { EvaluationRows } from '../dataset/read-rows.ts';
import type { Split } from '../dataset/split.ts';
import type { Provenance } from '../provenance.ts';
import type { Hyperparameters } from '../run-config.ts';
import { allRows, byDecile, byKind, byYear, type ScoreGroup, scoreGroups } from './score-groups.ts';

/** The content of metrics.json. */
export interface Metrics extends Split, ModelScores, Hyperparameters, Provenance {
  key: string;
  training_rows: number;
  /** Calibration and measuring rows together. */
  validation_rows: number;
  /** How far the response was flattened to make it monotone: 0 not at all, 1 completely. */
  flattened: number;
}

/** Scores on rows that neither trained nor calibrated the model. */
export interface ModelScores {
  /** The model as served, and vol_moving_avg itself as a prediction. */
  model: Score;
  vol_moving_avg: Score;
  /** The multiple of vol_moving_avg with the smallest MAE on these very rows, and its scores. */
  best_multiple: Score & { multiple: number };
  /** p50 as the prediction, instead of the point. */
  p50: Score;
  /** With the features of the row before, which do not contain the same day's Volume. */
  lag_1: { model: Score; vol_moving_avg: Score };
  /** The share of volumes between p10 and p90; the target is 0.8. */
  coverage: number;
  all: ScoreGroup;
  by_year: ScoreGroup[];
  /** By decile of vol_moving_avg, ascending. */
  by_decile: ScoreGroup[];
  /** Stocks and ETFs, where there are any. */
  by_kind: ScoreGroup[];
}

/** Scores the model with the arithmetic that the server uses, the point rounded. */
export async function scoreModel(model: Model, rows: EvaluationRows): Promise<ModelScores> {
  const {
    volume,
    volMovingAvg,
    adjCloseRollingMed,
    laggedVolMovingAvg,
    laggedAdjCloseRollingMed,
    year,
    isEtf,
  } = rows;
  const predictions = await predictAll(model, volMovingAvg, adjCloseRollingMed);
  const lagged = await predictAll(model, laggedVolMovingAvg, laggedAdjCloseRollingMed);
  const multiple = bestMultiple(volMovingAvg, volume);
  const multiples = volMovingAvg.map((value) => multiple * value);
  const [all] = scoreGroups(rows, predictions, allRows) as [ScoreGroup];
  return {
    model: score(predictions.point, volume),
    vol_moving_avg: score(volMovingAvg, volume),
    best_multiple: { multiple, ...score(multiples, volume) },
    p50: score(predictions.p50.map(Math.round), volume),
    lag_1: { model: score(lagged.point, volume), vol_moving_avg: score(laggedVolMovingAvg, volume) },
    coverage: all.coverage,
    all,
    by_year: scoreGroups(rows, predictions, byYear(year)),
    by_decile: scoreGroups(rows, predictions, byDecile(volMovingAvg)),
    by_kind: scoreGroups(rows, predictions, byKind(isEtf)),
  };
}
