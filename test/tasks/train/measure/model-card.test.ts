import { expect, it } from 'vitest';
import { modelCard } from '../../../../tasks/train/measure/model-card.ts';
import type { Metrics } from '../../../../tasks/train/measure/model-metrics.ts';
import type { ScoreGroup } from '../../../../tasks/train/measure/score-groups.ts';

const score = { rows: 1_234, mae: 1_000_000.4, rmsle: 1.5, r2: 0.25 };
const group = (name: string): ScoreGroup => ({
  part: name,
  rows: 617,
  mae: 1_000.6,
  mae_vol_moving_avg: 2_000,
  rmsle: 0.5,
  rmsle_vol_moving_avg: 1.25,
  coverage: 0.8125,
  mean_volume: 10,
  mean_prediction: 9,
  below_p10: 0.1,
  below_p50: 0.5,
  below_p90: 0.9,
});
const metrics: Metrics = {
  key: 'k',
  as_of: '2020-01-01',
  validation_from: '2018-01-01',
  measure_from: '2019-01-01',
  training_rows: 98_765,
  validation_rows: 2_468,
  flattened: 0,
  seed: 7,
  half_life: 8,
  median_from: 100_000,
  features_key: 'abc',
  tfjs_version: '4',
  duckdb_version: '1',
  node_version: '24',
  model: score,
  newest_row: '2019-12-30',
  vol_moving_avg: { ...score, mae: 2_000_000 },
  best_multiple: { ...score, mae: 1_500_000, multiple: 0.75 },
  p50: score,
  lag_1: { model: { ...score, rows: 1_230 }, vol_moving_avg: { ...score, r2: null } },
  coverage: 0.7956,
  all: group('all'),
  by_year: [group('2019')],
  by_kind: [group('stock')],
  by_decile: [group('0 to 50'), group('50 to 900')],
};

it('has the training data, the scores and the limits', () => {
  const card = modelCard(metrics);
  const lines = card.split('\n');
  expect(card).toContain('Trained on 98,765 rows before 2018-01-01 (seed 7, features abc)');
  expect(card).toContain(
    'calibrated on the rows from then until 2019-01-01, and measured on 1,234 rows from then until 2020-01-01.',
  );
  expect(lines).toEqual(
    expect.arrayContaining([
      '# Trading volume, as of 2020-01-01',
      '| this model | 1,234 | 1,000,000 | 1.5000 | 0.2500 |',
      '| vol_moving_avg itself | 1,234 | 2,000,000 | 1.5000 | 0.2500 |',
      '| 0.750 times vol_moving_avg, the best multiple in hindsight | 1,234 | 1,500,000 | 1.5000 | 0.2500 |',
      'Made with TensorFlow.js 4, DuckDB 1 and Node 24.',
      '| this model, features of the row before | 1,230 | 1,000,000 | 1.5000 | 0.2500 |',
      '79.6 % of the volumes are between p10 and p90; the target is 80 %.',
      '| 2019 | 617 | 1,001 | 2,000 | 0.5000 | 1.2500 | 81.3 % |',
      '| 50 to 900 | 617 | 1,001 | 2,000 | 0.5000 | 1.2500 | 81.3 % |',
    ]),
  );
  const limits = card.slice(card.indexOf('## Limits'));
  for (const limit of [
    'No row from 2018-01-01 on was used for training. The newest row used for calibration or measuring is from 2019-12-30.',
    'volume of the day that is predicted',
    'each later split changes both',
    'still listed at its end',
  ])
    expect(limits).toContain(limit);
});

it('has an empty cell where there is no R2, and mentions flattening only where there is any', () => {
  const card = modelCard(metrics);
  expect(card).toContain('| vol_moving_avg of the row before | 1,234 | 1,000,000 | 1.5000 |  |\n');
  expect(card).not.toContain('flattened');
  const other = modelCard({
    ...metrics,
    flattened: 0.15,
    git_commit: 'fed-dirty',
  });
  expect(other).toContain('Made with commit fed-dirty, TensorFlow.js 4,');
  expect(other).toContain('| stock | 617 |');
  expect(other).toContain('the response was flattened by 15 % for this');
});
