import type { Score } from '../../../model/score.ts';
import { formatCount } from '../../lib/table.ts';
import type { Metrics } from './model-metrics.ts';
import type { Part } from './score-groups.ts';

/** A model card in Markdown: what the model is for, how well it does, and what it cannot do. */
export function modelCard(metrics: Metrics): string {
  const { as_of, validation_from, model, vol_moving_avg, best_multiple, lag_1 } = metrics;
  return `# Trading volume, as of ${as_of}

Predicts a day's trading volume of a stock or ETF, in shares, from the mean volume and the median adjusted close of its
last 30 rows. Trained on ${formatCount(metrics.training_rows)} rows before ${validation_from} (seed ${metrics.seed}, features ${metrics.features_key}),
its interval calibrated from then until ${metrics.measure_from}, and all of it measured on ${formatCount(model.rows)} rows from then until ${as_of}, which chose nothing.

| prediction | rows | MAE (shares) | RMSLE | R2 |
|---|---:|---:|---:|---:|
${row('this model', model)}
${row('vol_moving_avg itself', vol_moving_avg)}
${row(`${best_multiple.multiple.toFixed(3)} times it, the best in hindsight`, best_multiple)}
${row('p50 of this model', metrics.p50)}
${row('this model, features of the row before', lag_1.model)}
${row('vol_moving_avg of the row before', lag_1.vol_moving_avg)}

${(metrics.coverage * 100).toFixed(1)} % of the volumes lie between p10 and p90; 80 % are meant.

${partTable('vol_moving_avg, a tenth of the rows each', metrics.by_decile)}

${metrics.by_kind ? `${partTable('kind', metrics.by_kind)}\n\n` : ''}${partTable('year', metrics.by_year)}

![How many volumes lie below p10, p50 and p90](calibration.svg)

The prediction is near the mean of logarithms where vol_moving_avg is small, and near the median where it is above
${formatCount(metrics.median_from)} shares. A row counts half as much for each ${metrics.half_life} years of its age. No prediction falls where vol_moving_avg rises${metrics.flattened > 0 ? ` (its response was flattened by ${Math.round(metrics.flattened * 100)} % for that)` : ''}.

Made by ${metrics.git_commit ? `commit ${metrics.git_commit}, ` : ''}TensorFlow.js ${metrics.tfjs_version}, DuckDB ${metrics.duckdb_version} and Node ${metrics.node_version}.

## Limits

- vol_moving_avg contains the volume of the day that is predicted. The lagged scores are what a forecast would reach.
- Nothing from ${validation_from} on trained it. The newest row that it was calibrated or measured on is of ${metrics.newest_row}.
- It knows neither the symbol nor the date. Inputs beyond what training saw are treated like the nearest that it saw.
- Volume and Adj Close are what the source says today: each later split restates both, each later dividend the prices, so that features of a day
  know of what came after it.
- The set holds mostly symbols that were listed at its end. Those that had gone by then are hardly learned from, nor measured on.
- It is no basis for trading.
`;
}

/** The parts of the rows beside vol_moving_avg itself. */
function partTable(title: string, parts: Part[]): string {
  const rows = parts.map(
    (part) =>
      `| ${part.part} | ${formatCount(part.rows)} | ${formatCount(part.mae)} | ${formatCount(part.mae_vol_moving_avg)} | ${part.rmsle.toFixed(4)} | ${part.rmsle_vol_moving_avg.toFixed(4)} | ${(part.coverage * 100).toFixed(1)} % |`,
  );
  return `| ${title} | rows | MAE | vol_moving_avg's MAE | RMSLE | vol_moving_avg's RMSLE | between p10 and p90 |
|---|---:|---:|---:|---:|---:|---:|
${rows.join('\n')}`;
}

function row(name: string, { rows, mae, rmsle, r2 }: Score): string {
  return `| ${name} | ${formatCount(rows)} | ${formatCount(mae)} | ${rmsle.toFixed(4)} | ${r2?.toFixed(4) ?? ''} |`;
}
