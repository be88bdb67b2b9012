import { makePlot, type Point } from '../../lib/plot.ts';
import type { Loss } from '../losses/loss-log.ts';
import type { Measured } from './model-metrics.ts';
import type { Part } from './score-groups.ts';

const MOST_POINTS = 500;
const TRAINING = { name: 'training', color: '#1b9e77' };
const VALIDATION = { name: 'validation', color: '#d95f02' };

/** The loss curve as an SVG image: the training loss as a line, averaged over steps where there are many, the validation loss as dots. */
export function drawLosses(losses: Loss[]): string {
  const training = thin(losses.filter(({ split }) => split === 'training'));
  const validation = losses.filter(({ split }) => split === 'validation');
  const lastStep = Math.max(1, ...losses.map(({ step }) => step).slice(-1));
  const values = [...training, ...validation].map(({ loss }) => loss);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const plot = makePlot(360, { x: [0, lastStep], y: [low, high] });
  const points = (part: Loss[]) => part.map(({ step, loss }): Point => [step, loss]);
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

const QUANTILES = [
  { name: 'p10', color: '#7570b3', meant: 0.1, of: ({ below_p10 }: Part) => below_p10 },
  { name: 'p50', color: '#1b9e77', meant: 0.5, of: ({ below_p50 }: Part) => below_p50 },
  { name: 'p90', color: '#d95f02', meant: 0.9, of: ({ below_p90 }: Part) => below_p90 },
];

/**
 * The calibration as an SVG image: the share of volumes below p10, p50 and p90 as dots, of all rows and of each tenth by
 * vol_moving_avg, beside the shares that are meant as dashed lines.
 */
export function drawCalibration({ all, by_decile }: Pick<Measured, 'all' | 'by_decile'>): string {
  const parts = [all, ...by_decile];
  const plot = makePlot(360, { x: [-0.5, parts.length - 0.5], y: [0, 1] });
  const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 2 });
  const upperEnd = ({ part }: Part) => `to ${compact.format(Number(part.split(' to ')[1]))}`;
  return plot.page(
    'Share of volumes below p10, p50 and p90, by vol_moving_avg',
    plot.axes(),
    ...QUANTILES.flatMap(({ color, meant, of }) => {
      const [first, ...others] = parts.map((part, index): Point => [index, of(part)]) as [Point, ...Point[]];
      return [
        plot.level(meant),
        plot.labelY(meant, `${meant * 100} %`),
        plot.line(others, color),
        plot.dots([first, ...others], color),
      ];
    }),
    ...parts.map((part, index) => plot.labelX(index, index === 0 ? 'all rows' : upperEnd(part))),
    plot.caption('share of volumes below each quantile, by vol_moving_avg; dashed: what is meant', QUANTILES),
  );
}

function thin(losses: Loss[]): Loss[] {
  const size = Math.ceil(losses.length / MOST_POINTS);
  const groups = Array.from({ length: Math.ceil(losses.length / size) || 0 }, (_, index) =>
    losses.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => ({
    ...(group.at(-1) as Loss),
    loss: group.reduce((sum, { loss }) => sum + loss, 0) / group.length,
  }));
}
