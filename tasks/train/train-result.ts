import { ratio } from '../../model/score.ts';
import type { TaskResult } from '../store/result.ts';
import type { ShardedDataset } from '../store/shards.ts';
import type { Store } from '../store/store.ts';
import type { Metrics } from './measure/model-metrics.ts';

/** A check warns where the as-of date is further from the newest row than weekends and holidays. */
const MAX_DAYS_AFTER = 7;

/** The result of the train task, from the metrics of a published model. */
export async function trainResult(
  status: 'done' | 'up_to_date',
  { uri, key, rows, bytes }: ShardedDataset,
  metrics: Metrics,
  store: Store,
): Promise<TaskResult> {
  const { as_of, newest_row, model, vol_moving_avg } = metrics;
  const folder = `models/${as_of}`;
  const daysAfter = (Date.parse(as_of) - Date.parse(newest_row)) / 86_400_000;
  return {
    status,
    inputs: [{ name: 'features', uri, key, rows, bytes }],
    outputs: [
      {
        name: 'model',
        uri: store.locate(folder),
        format: 'safetensors',
        key: metrics.key,
        rows: metrics.training_rows,
        bytes: (await store.size(`${folder}/model.bin`)) ?? 0,
        columns: [{ name: 'Volume', type: 'BIGINT' }],
      },
    ],
    columnLineage: {
      Volume: ['features.vol_moving_avg', 'features.adj_close_rolling_med', 'features.Volume'],
    },
    checks: [
      {
        name: 'beats_vol_moving_avg',
        severity: 'warn',
        passed: model.mae < vol_moving_avg.mae,
        value: ratio(model.mae, vol_moving_avg.mae),
      },
      {
        name: 'as_of_follows_the_newest_row',
        severity: 'warn',
        passed: daysAfter <= MAX_DAYS_AFTER,
        value: daysAfter,
      },
    ],
    metrics: {
      as_of,
      training_rows: metrics.training_rows,
      validation_rows: metrics.validation_rows,
      measured_rows: model.rows,
      mae: model.mae,
      mae_vol_moving_avg: vol_moving_avg.mae,
      coverage: metrics.coverage,
    },
  };
}
