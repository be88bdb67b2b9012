import type { Score } from '../../../model/score.ts';
import { formatCount } from '../../lib/table.ts';
import type { Metrics } from './model-metrics.ts';
import type { ScoreGroup } from './score-groups.ts';

/** A model card in Markdown: what the model is for, how good it is, and its limits. */
export function modelCard(metrics: Metrics): string {
  const { as_of, validation_from, measure_from, model, vol_moving_avg, best_multiple, lag_1 } = metrics;
  return `# Trading volume, as of ${as_of}

Predicts a day's trading volume of a stock or ETF, in shares, from the mean volume and the median adjusted close of its
last 30 rows. Trained on ${formatCount(metrics.training_rows)} rows before ${validation_from} (seed ${metrics.seed}, features ${metrics.features_key}),
calibrated on the rows from then until ${measure_from}, and measured on ${formatCount(model.rows)} rows from then until ${as_of}.
The measuring rows were used for nothing else.

| prediction | rows | MAE (shares) | RMSLE | R2 |
|---|---:|---:|---:|---:|
${scoreRow('this model', model)}
${scoreRow('vol_moving_avg itself', vol_moving_avg)}
${scoreRow(`${best_multiple.multiple.toFixed(3)} times vol_moving_avg, the best multiple in hindsight`, best_multiple)}
${scoreRow('p50 of this model', metrics.p50)}
${scoreRow('this model, features of the row before', lag_1.model)}
${scoreRow('vol_moving_avg of the row before', lag_1.vol_moving_avg)}

${(metrics.coverage * 100).toFixed(1)} % of the volumes are between p10 and p90; the target is 80 %.

${groupTable('decile of vol_moving_avg', metrics.by_decile)}

${groupTable('kind', metrics.by_kind)}

${groupTable('year', metrics.by_year)}

![Share of volumes below p10, p50 and p90](calibration.svg)

The prediction is close to the mean of logarithms where vol_moving_avg is small, and close to the median where it is far above
${formatCount(metrics.median_from)} shares. A row's weight halves with each ${metrics.half_life} years of its age. No prediction falls where vol_moving_avg rises${metrics.flattened > 0 ? ` (the response was flattened by ${Math.round(metrics.flattened * 100)} % for this)` : ''}.

Made with ${metrics.git_commit ? `commit ${metrics.git_commit}, ` : ''}TensorFlow.js ${metrics.tfjs_version}, DuckDB ${metrics.duckdb_version} and Node ${metrics.node_version}.

## Limits

- vol_moving_avg contains the volume of the day that is predicted. A real forecast would reach the scores with the features of the row before.
- No row from ${validation_from} on was used for training. The newest row used for calibration or measuring is from ${metrics.newest_row}.
- The model does not use the symbol or the date. Inputs outside the training range are moved to the nearest point inside it.
  The server then also moves p10 and p90 apart.
- Volume and Adj Close are as the source reports them today: each later split changes both, and each later dividend changes the prices.
  The features of a day therefore depend on what happened after it.
- Most symbols in the dataset were still listed at its end. Symbols that were delisted earlier are hardly represented, neither in training nor in
  the scores.
- It is not a basis for trading.
`;
}

/** The scores of each group, beside those of vol_moving_avg itself. */
function groupTable(title: string, groups: ScoreGroup[]): string {
  const rows = groups.map(
    (group) =>
      `| ${group.part} | ${formatCount(group.rows)} | ${formatCount(group.mae)} | ${formatCount(group.mae_vol_moving_avg)} | ${group.rmsle.toFixed(4)} | ${group.rmsle_vol_moving_avg.toFixed(4)} | ${(group.coverage * 100).toFixed(1)} % |`,
  );
  return `| ${title} | rows | MAE | MAE of vol_moving_avg | RMSLE | RMSLE of vol_moving_avg | between p10 and p90 |
|---|---:|---:|---:|---:|---:|---:|
${rows.join('\n')}`;
}

function scoreRow(name: string, { rows, mae, rmsle, r2 }: Score): string {
  return `| ${name} | ${formatCount(rows)} | ${formatCount(mae)} | ${rmsle.toFixed(4)} | ${r2?.toFixed(4) ?? ''} |`;
}
