import type { Model } from '../../../model/model.ts';
import { bestMultiple, predictAll, type Score, score } from '../../../model/score.ts';
import type { Block } from '../dataset/dataset.ts';
import type { Provenance } from '../provenance.ts';
import { byDecile, byKind, byYear, type Part, scoreParts, WHOLE } from './score-groups.ts';

/** What metrics.json holds. */
export interface Metrics extends Measured, Provenance {
  key: string;
  as_of: string;
  /** The day of the newest row before as_of. */
  newest_row: string;
  /** Training < validation_from <= calibration < measure_from <= measuring < as_of. */
  validation_from: string;
  measure_from: string;
  training_rows: number;
  /** Of calibration and measuring together. */
  validation_rows: number;
  /** How much of the response was flattened to make it monotone: 0 for nothing, 1 for all. */
  flattened: number;
  seed: number;
  half_life: number;
  median_from: number;
}

/** Scores on rows later than all that trained or calibrated the model. */
export interface Measured {
  /** The model in service, and vol_moving_avg itself as a prediction. */
  model: Score;
  vol_moving_avg: Score;
  /** The multiple of vol_moving_avg that would have had the least MAE on these very rows, and its scores. */
  best_multiple: Score & { multiple: number };
  /** The median as a prediction, where it differs from the point. */
  p50: Score;
  /** The same two with the features of the row before: vol_moving_avg contains the same day's Volume, and this does not. */
  lag_1: { model: Score; vol_moving_avg: Score };
  /** The share of volumes between p10 and p90; 0.8 is meant. */
  coverage: number;
  all: Part;
  by_year: Part[];
  /** By tenths of the rows, from the smallest vol_moving_avg to the largest. */
  by_decile: Part[];
  /** Stocks and ETFs, as far as there are any; absent where the features do not say which is which. */
  by_kind?: Part[];
}

/** Scores the model as it will be served: by its file's bytes and the server's arithmetic, the point rounded. */
export async function measure(model: Model, block: Block): Promise<Measured> {
  const {
    volume,
    volMovingAvg,
    adjCloseRollingMed,
    laggedVolMovingAvg,
    laggedAdjCloseRollingMed,
    year,
    isEtf,
  } = block;
  const now = await predictAll(model, volMovingAvg, adjCloseRollingMed);
  const lagged = await predictAll(model, laggedVolMovingAvg, laggedAdjCloseRollingMed);
  const multiple = bestMultiple(volMovingAvg, volume);
  const [all] = scoreParts(block, now, WHOLE) as [Part];
  return {
    model: score(now.point, volume),
    vol_moving_avg: score(volMovingAvg, volume),
    best_multiple: {
      multiple,
      ...score(
        volMovingAvg.map((one) => multiple * one),
        volume,
      ),
    },
    p50: score(now.p50.map(Math.round), volume),
    lag_1: { model: score(lagged.point, volume), vol_moving_avg: score(laggedVolMovingAvg, volume) },
    coverage: all.coverage,
    all,
    by_year: scoreParts(block, now, byYear(year)),
    by_decile: scoreParts(block, now, byDecile(volMovingAvg)),
    ...(isEtf && { by_kind: scoreParts(block, now, byKind(isEtf)) }),
  };
}
