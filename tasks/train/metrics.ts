import type { Model } from '../../serving/model.ts';
import { column } from '../arrow.ts';
import { coverage, predictAll, type Score, score } from '../score.ts';
import type { Rows, Split } from './dataset.ts';

/** What metrics.json holds. Scores are those of the validation block, a later time than any training row. */
export interface Metrics {
  key: string;
  as_of: string;
  validation_from: string;
  seed: number;
  features_key: string;
  training_rows: number;
  validation_rows: number;
  /** The model in service, and vol_moving_avg itself as a prediction. */
  model: Score;
  vol_moving_avg: Score;
  /** The same two with the features of the row before: vol_moving_avg contains the same day's Volume, and this does not. */
  lag_1: { model: Score; vol_moving_avg: Score };
  /** The share of volumes between p10 and p90; 0.8 is meant. */
  coverage: number;
}

/** Scores the model as it will be served: by its file's bytes and the server's arithmetic, p50 rounded. */
export async function measure(
  model: Model,
  { training, validation }: Rows,
  { asOf, validationFrom }: Split,
): Promise<Omit<Metrics, 'key' | 'seed' | 'features_key'>> {
  const volume = column<Float64Array>(validation, 'volume');
  const average = column<Float64Array>(validation, 'vol_moving_avg');
  const laggedAverage = column<Float64Array>(validation, 'vol_moving_avg_lag_1');
  const now = await predictAll(model, average, column(validation, 'adj_close_rolling_med'));
  const lagged = await predictAll(model, laggedAverage, column(validation, 'adj_close_rolling_med_lag_1'));
  return {
    as_of: asOf,
    validation_from: validationFrom,
    training_rows: training.numRows,
    validation_rows: validation.numRows,
    model: score(now.p50, volume),
    vol_moving_avg: score(average, volume),
    lag_1: { model: score(lagged.p50, volume), vol_moving_avg: score(laggedAverage, volume) },
    coverage: coverage(now.p10, now.p90, volume),
  };
}
