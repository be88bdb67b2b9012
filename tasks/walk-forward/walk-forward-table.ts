import type { Score } from '../../model/score.ts';
import { makePlot, type Point } from '../lib/plot.ts';
import { formatCount } from '../lib/table.ts';
import type { TaskResult } from '../store/result.ts';

/** How the predictions for one month did. */
export interface Month {
  asOf: string;
  /** Of the features that the model was trained on; empty where it does not say. */
  featuresKey: string;
  model: Score & { coverage: number };
  volMovingAvg: Score;
  /** The best constant multiple of vol_moving_avg before the as-of date; undefined where no row lies before it. */
  multiple: (Score & { factor: number }) | undefined;
}

export const HEAD = [
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

/** The cells of a month, in the order of HEAD. */
export function cells({ asOf, featuresKey, model, volMovingAvg, multiple }: Month): string[] {
  return [
    asOf,
    formatCount(model.rows),
    formatCount(model.mae),
    formatCount(volMovingAvg.mae),
    (model.mae / volMovingAvg.mae).toFixed(3),
    model.rmsle.toFixed(3),
    volMovingAvg.rmsle.toFixed(3),
    multiple ? formatCount(multiple.mae) : '',
    multiple ? multiple.rmsle.toFixed(3) : '',
    multiple ? multiple.factor.toFixed(3) : '',
    model.coverage.toFixed(3),
    featuresKey.slice(0, 8),
  ];
}

/** A month, as the result has it. */
export function record({
  asOf,
  featuresKey,
  model,
  volMovingAvg,
  multiple,
}: Month): NonNullable<TaskResult['table']>[0] {
  return {
    as_of: asOf,
    features_key: featuresKey,
    rows: model.rows,
    mae: model.mae,
    mae_vol_moving_avg: volMovingAvg.mae,
    rmsle: model.rmsle,
    rmsle_vol_moving_avg: volMovingAvg.rmsle,
    mae_multiple: multiple?.mae ?? null,
    rmsle_multiple: multiple?.rmsle ?? null,
    multiple: multiple?.factor ?? null,
    coverage: model.coverage,
  };
}

/** The table as a Markdown page, to lie beside the plot. */
export function formatWalkForward(months: Month[], featuresKey: string): string {
  const row = (values: string[]) => `| ${values.join(' | ')} |`;
  return `# Walk-forward

Each model on the month that begins on its as-of date, no row of which it was trained on. The rows are of the features ${featuresKey.slice(0, 8)}; the
column *features* says of which ones the model is. MAE in shares. *multiple* is the constant times vol_moving_avg with the least MAE on
all rows before the as-of date; coverage is the share of volumes between p10 and p90, 0.8 is meant.

That a model knew nothing of later days is not wholly true: later splits and dividends restate the Adj Close and the Volume of
earlier days, and the set holds only symbols that were still listed when it was made.

${row(HEAD)}
${row(HEAD.map((_, column) => (column === 0 ? '---' : '---:')))}
${months.map((month) => row(cells(month))).join('\n')}

![MAE as a share of vol_moving_avg's, by month](walk-forward.svg)
`;
}

const SERIES = [
  { name: 'model', color: '#1b9e77', of: ({ model }: Month) => model.mae as number | undefined },
  { name: 'constant multiple', color: '#d95f02', of: ({ multiple }: Month) => multiple?.mae },
];

/** The MAE of the model and of the constant multiple by month, as shares of vol_moving_avg's, as an SVG image. */
export function drawWalkForward(months: Month[]): string {
  const lines = SERIES.map(({ color, of }) => ({
    color,
    points: months.flatMap((month, index): Point[] => {
      const mae = of(month);
      const share = mae === undefined ? Number.NaN : mae / month.volMovingAvg.mae;
      return Number.isFinite(share) ? [[index, share]] : [];
    }),
  }));
  const shares = [1, ...lines.flatMap(({ points }) => points.map(([, share]) => share))];
  const [low, high] = [Math.min(...shares), Math.max(...shares)];
  const last = months.length - 1;
  const plot = makePlot(320, { x: [-0.5, Math.max(0, last) + 0.5], y: [low, high] });
  return plot.page(
    "MAE by month, as a share of vol_moving_avg's",
    plot.level(1),
    ...lines.flatMap(({ color, points }) => [plot.line(points, color), plot.dots(points, color)]),
    ...[...new Set([low, 1, high])].map((share) => plot.labelY(share, share.toFixed(2))),
    plot.labelX(0, months[0]?.asOf ?? '', 'start'),
    plot.labelX(last, months.length > 1 ? (months[last]?.asOf ?? '') : '', 'end'),
    plot.caption("MAE as a share of vol_moving_avg's", SERIES),
  );
}
