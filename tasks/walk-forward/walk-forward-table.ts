import type { Score } from '../../model/score.ts';
import { makePlot, type Point } from '../lib/plot.ts';
import { formatCount } from '../lib/table.ts';
import type { ScoreWithCoverage } from '../store/feature-rows.ts';
import type { TaskResult } from '../store/result.ts';

/** The scores of a model, and of two baselines, on the month that begins on its as-of date. */
export interface MonthScores {
  asOf: string;
  /** Of the features that the model was trained on; empty where the model does not say. */
  featuresKey: string;
  model: ScoreWithCoverage;
  volMovingAvg: Score;
  /**
   * The best constant multiple of vol_moving_avg before the as-of date; undefined where there is no
   * earlier row.
   */
  bestMultiple: (Score & { multiple: number }) | undefined;
}

const TABLE_HEADER = [
  'as of',
  'rows',
  'MAE model',
  'MAE vol_moving_avg',
  'ratio',
  'RMSLE model',
  'RMSLE vol_moving_avg',
  'MAE multiple',
  'RMSLE multiple',
  'multiple',
  'coverage',
  'features',
];

/** The table as text, the header first. */
export function walkForwardTable(months: MonthScores[]): string[][] {
  const rows = months.map(({ asOf, featuresKey, model, volMovingAvg, bestMultiple }) => [
    asOf,
    formatCount(model.rows),
    formatCount(model.mae),
    formatCount(volMovingAvg.mae),
    (model.mae / volMovingAvg.mae).toFixed(3),
    model.rmsle.toFixed(3),
    volMovingAvg.rmsle.toFixed(3),
    bestMultiple ? formatCount(bestMultiple.mae) : '',
    bestMultiple ? bestMultiple.rmsle.toFixed(3) : '',
    bestMultiple ? bestMultiple.multiple.toFixed(3) : '',
    model.coverage.toFixed(3),
    featuresKey.slice(0, 8),
  ]);
  return [TABLE_HEADER, ...rows];
}

/** A month as a row of the task's result. */
export function toResultRow({
  asOf,
  featuresKey,
  model,
  volMovingAvg,
  bestMultiple,
}: MonthScores): NonNullable<TaskResult['table']>[number] {
  return {
    as_of: asOf,
    features_key: featuresKey,
    rows: model.rows,
    mae: model.mae,
    mae_vol_moving_avg: volMovingAvg.mae,
    rmsle: model.rmsle,
    rmsle_vol_moving_avg: volMovingAvg.rmsle,
    mae_multiple: bestMultiple?.mae ?? null,
    rmsle_multiple: bestMultiple?.rmsle ?? null,
    multiple: bestMultiple?.multiple ?? null,
    coverage: model.coverage,
  };
}

/** The table as a Markdown page that shows the plot beside it. */
export function formatWalkForward(months: MonthScores[], featuresKey: string): string {
  const [header, ...rows] = walkForwardTable(months).map((cells) => `| ${cells.join(' | ')} |`);
  return `# Walk-forward

Each model is measured on the month that begins on its as-of date. It was trained only on earlier rows.

- The rows are from the features ${featuresKey.slice(0, 8)}. The column *features* shows the features that the model was
  trained on.
- MAE is in shares.
- *multiple* is the constant times vol_moving_avg that has the lowest MAE on all rows before the as-of date.
- *coverage* is the share of volumes between p10 and p90. The target is 0.8.

The models know a little about later days: later splits and dividends change the Adj Close and the Volume of
earlier days, and the dataset has only symbols that were still listed when it was made.

${header}
${`|${' ---: |'.repeat(TABLE_HEADER.length)}`.replace('---:', '---')}
${rows.join('\n')}

![MAE as a share of the MAE of vol_moving_avg, by month](walk-forward.svg)
`;
}

const SERIES = [
  { name: 'model', color: '#1b9e77', maeOf: ({ model }: MonthScores) => model.mae as number | undefined },
  {
    name: 'constant multiple',
    color: '#d95f02',
    maeOf: ({ bestMultiple }: MonthScores) => bestMultiple?.mae,
  },
];

/**
 * The MAE of the model and of the constant multiple by month, as shares of the MAE of
 * vol_moving_avg, as an SVG image.
 */
export function drawWalkForward(months: MonthScores[]): string {
  const lines = SERIES.map(({ color, maeOf }) => ({
    color,
    points: months.flatMap((month, index): Point[] => {
      const mae = maeOf(month);
      const share = mae === undefined ? Number.NaN : mae / month.volMovingAvg.mae;
      return Number.isFinite(share) ? [[index, share]] : [];
    }),
  }));
  const shares = [1, ...lines.flatMap(({ points }) => points.map(([, share]) => share))];
  const [min, max] = [Math.min(...shares), Math.max(...shares)];
  const last = months.length - 1;
  const plot = makePlot(320, { x: [-0.5, Math.max(0, last) + 0.5], y: [min, max] });
  return plot.page(
    'MAE by month, as a share of the MAE of vol_moving_avg',
    plot.level(1),
    ...lines.flatMap(({ color, points }) => [plot.line(points, color), plot.dots(points, color)]),
    ...[...new Set([min, 1, max])].map((share) => plot.labelY(share, share.toFixed(2))),
    plot.labelX(0, months[0]?.asOf ?? '', 'start'),
    plot.labelX(last, months.length > 1 ? (months[last]?.asOf ?? '') : '', 'end'),
    plot.caption('MAE as a share of the MAE of vol_moving_avg', SERIES),
  );
}
