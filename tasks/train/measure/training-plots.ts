import { makePlot, type Point } from '../../lib/plot.ts';
import type { Loss } from '../losses/loss-log.ts';
import type { ModelScores } from './model-metrics.ts';
import type { ScoreGroup } from './score-groups.ts';

const MAX_POINTS = 500;
const TRAINING = { name: 'training', color: '#1b9e77' };
const VALIDATION = { name: 'validation', color: '#d95f02' };
const QUANTILES = [
  { name: 'p10', color: '#7570b3', target: 0.1, shareOf: ({ below_p10 }: ScoreGroup) => below_p10 },
  { name: 'p50', color: '#1b9e77', target: 0.5, shareOf: ({ below_p50 }: ScoreGroup) => below_p50 },
  { name: 'p90', color: '#d95f02', target: 0.9, shareOf: ({ below_p90 }: ScoreGroup) => below_p90 },
];

/** The losses as an SVG image: training as a line of at most MAX_POINTS, validation as dots. */
export function drawLosses(losses: Loss[]): string {
  const training = averageLosses(losses.filter(({ split }) => split === 'training'));
  const validation = losses.filter(({ split }) => split === 'validation');
  const lastStep = Math.max(1, ...losses.map(({ step }) => step).slice(-1));
  const values = [...training, ...validation].map(({ loss }) => loss);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const plot = makePlot(360, { x: [0, lastStep], y: [low, high] });
  const points = (series: Loss[]) => series.map(({ step, loss }): Point => [step, loss]);
  return plot.page(
    'Loss by training step',
    plot.axes(),
    plot.line(points(training), TRAINING.color),
    plot.dots(points(validation), VALIDATION.color),
    ...[low, high].map((loss) => plot.labelY(loss, loss.toFixed(3))),
    plot.labelX(lastStep, `step ${lastStep}`, 'end'),
    plot.caption('loss', [TRAINING, VALIDATION]),
  );
}

/**
 * The calibration as an SVG image: the shares of volumes below p10, p50 and p90 as dots, of all
 * rows and of each decile of vol_moving_avg, with their targets as dashed lines.
 */
export function drawCalibration({ all, by_decile }: Pick<ModelScores, 'all' | 'by_decile'>): string {
  const groups = [all, ...by_decile];
  const plot = makePlot(360, { x: [-0.5, groups.length - 0.5], y: [0, 1] });
  const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 2 });
  const upperEdge = ({ part }: ScoreGroup) => `to ${compact.format(Number(part.split(' to ')[1]))}`;
  return plot.page(
    'Share of volumes below p10, p50 and p90, by vol_moving_avg',
    plot.axes(),
    ...QUANTILES.flatMap(({ color, target, shareOf }) => {
      const points = groups.map((group, index): Point => [index, shareOf(group)]);
      return [
        plot.level(target),
        plot.labelY(target, `${target * 100} %`),
        plot.line(points.slice(1), color),
        plot.dots(points, color),
      ];
    }),
    ...groups.map((group, index) => plot.labelX(index, index === 0 ? 'all rows' : upperEdge(group))),
    plot.caption('share of volumes below each quantile, by vol_moving_avg; targets dashed', QUANTILES),
  );
}

/** Averages neighbouring losses until at most MAX_POINTS are left. */
function averageLosses(losses: Loss[]): Loss[] {
  const size = Math.ceil(losses.length / MAX_POINTS);
  const groups = Array.from({ length: Math.ceil(losses.length / size) || 0 }, (_, index) =>
    losses.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => ({
    ...(group.at(-1) as Loss),
    loss: group.reduce((sum, { loss }) => sum + loss, 0) / group.length,
  }));
}
