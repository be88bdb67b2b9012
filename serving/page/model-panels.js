import { byId, drawToFit, emptyNote, html, SCROLLABLE, table } from './dom.js';
import { drawLineChart } from './line-chart.js';
import { firstTable, fromMarkdown } from './markdown.js';
import { digits, short } from './number-format.js';
import { roundTicks } from './ticks.js';

/** @typedef {import('../champion/model-report.ts').Losses} Losses */

/** Smaller losses are drawn here: the axis is logarithmic. */
const MIN_LOSS = 1e-6;
const NO_MODEL = 'No model is in service yet.';

/**
 * @param {string | null} version
 * @param {string | null} card Markdown
 */
export function showCard(version, card) {
  byId('card').replaceChildren(
    card === null
      ? emptyNote(version === null ? NO_MODEL : 'The store has no card for this model.')
      : html('div', { class: 'prose' }, ...fromMarkdown(card, 3)),
  );
}

/**
 * @param {string | null} version
 * @param {Record<string, string>} provenance
 */
export function showModelFile(version, provenance) {
  const rows = Object.entries({ as_of: version ?? '', ...provenance });
  byId('file').replaceChildren(
    version === null
      ? emptyNote(NO_MODEL)
      : table('Names and values in the model file', ['name', 'value'], rows, [false, false]),
  );
}

/**
 * @param {string | null} version
 * @param {Losses | null} losses
 */
export function showLosses(version, losses) {
  const panel = byId('losses');
  if (!losses) {
    panel.replaceChildren(emptyNote(version === null ? NO_MODEL : 'The store has no losses for this model.'));
    return;
  }
  const { training, validation } = losses;
  const last = (/** @type {[number, number][]} */ points) => digits(points.at(-1)?.[1] ?? Number.NaN);
  const chart = html('div', { class: 'chart' });
  panel.replaceChildren(
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key line-key' }, `training, last ${last(training)}`),
      html('li', { class: 'key dot-key' }, `validation, last ${last(validation)}`),
    ),
    chart,
    html(
      'details',
      {},
      html('summary', {}, 'Validation losses as a table'),
      table(
        'Validation losses',
        ['step', 'loss'],
        validation.map(([step, loss]) => [String(Math.round(step)), loss.toFixed(4)]),
        [true, true],
      ),
    ),
  );
  const description = `Pinball loss by training step. The last training loss is ${last(training)}, the last validation loss ${last(validation)}.`;
  drawToFit(chart, (width) => chart.replaceChildren(drawLosses(losses, width, description)));
}

/**
 * @param {Losses} losses
 * @param {number} width
 * @param {string} description
 */
function drawLosses({ training, validation }, width, description) {
  const points = [...training, ...validation];
  const lastStep = Math.max(...points.map(([step]) => step));
  const values = points.map(([, loss]) => Math.max(MIN_LOSS, loss));
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return drawLineChart({
    ...{ width, height: 320, description },
    x: {
      ...{ min: 0, max: lastStep, label: 'training step' },
      ticks: roundTicks(0, lastStep, width < 400 ? 3 : 6).map((at) => ({ at, text: short(at) })),
    },
    y: {
      min: Math.log(min * 0.97),
      max: Math.log(max * 1.03),
      label: 'pinball loss, log scale',
      ticks: roundTicks(min, max, 5).map((at) => ({ at: Math.log(at), text: digits(at) })),
    },
    series: [
      { style: 'line first', points: logLosses(training) },
      { style: 'dot second', points: logLosses(validation), isDots: true },
    ],
  });
}

/** @param {[number, number][]} points */
function logLosses(points) {
  return points.map(
    ([step, loss]) => /** @type {[number, number]} */ ([step, Math.log(Math.max(MIN_LOSS, loss))]),
  );
}

/**
 * @param {string | null} markdown
 * @param {string | null} plot an SVG image
 */
export function showWalkForward(markdown, plot) {
  const found = markdown === null ? undefined : firstTable(markdown);
  if (!found && plot === null) {
    byId('forward').replaceChildren(
      emptyNote(
        'The store has no walk-forward yet. Run make walk-forward FROM=2018-01 TO=2019-12 to train and score a model for each month.',
      ),
    );
    return;
  }
  byId('forward').replaceChildren(
    ...(plot === null
      ? []
      : [html('div', { ...SCROLLABLE, 'aria-label': 'Walk-forward plot' }, plotImage(plot))]),
    ...(found ? [table('Walk-forward by month', found.head, found.rows, found.isNumeric)] : []),
  );
}

/** @param {string} plot */
function plotImage(plot) {
  const image = /** @type {HTMLImageElement} */ (
    html('img', {
      class: 'plot',
      alt: 'MAE by month, relative to the MAE of vol_moving_avg. The table has the numbers.',
    })
  );
  image.src = URL.createObjectURL(new Blob([plot], { type: 'image/svg+xml' }));
  const free = () => URL.revokeObjectURL(image.src);
  image.addEventListener('load', free);
  image.addEventListener('error', free);
  return image;
}
