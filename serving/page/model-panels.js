import { byId, drawToFit, emptyNote, html, table } from './dom.js';
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
      html('li', { class: 'key line-key first' }, `training, last ${last(training)}`),
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

/** @param {string | null} markdown */
export function showWalkForward(markdown) {
  const found = markdown === null ? undefined : firstTable(markdown);
  const panel = byId('forward');
  if (!found) {
    panel.replaceChildren(
      emptyNote(
        'The store has no walk-forward yet. Run make walk-forward FROM=2018-01 TO=2019-12 to train and score a model for each month.',
      ),
    );
    return;
  }
  const title = 'Walk-forward as a table';
  const chart = html('div', { class: 'chart' });
  panel.replaceChildren(
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key line-key first' }, 'model'),
      html('li', { class: 'key line-key second' }, 'best constant multiple of vol_moving_avg'),
      html('li', { class: 'key level-key' }, 'vol_moving_avg itself'),
    ),
    chart,
    html('details', {}, html('summary', {}, title), table(title, found.head, found.rows, found.isNumeric)),
  );
  drawToFit(chart, (width) => chart.replaceChildren(drawWalkForward(found, width)));
}

/**
 * MAE by month, as a share of that of vol_moving_avg.
 * @param {{ head: string[], rows: string[][] }} months
 * @param {number} width
 */
function drawWalkForward({ head, rows }, width) {
  const maes = (/** @type {string} */ name) =>
    rows.map((row) => Number.parseFloat((row[head.indexOf(name)] ?? '').replaceAll(',', '')));
  const baseline = maes('MAE vol_moving_avg');
  const points = (/** @type {string} */ name) =>
    maes(name).flatMap((mae, month) => {
      const ratio = mae / baseline[month];
      return Number.isFinite(ratio) ? [/** @type {[number, number]} */ ([month, ratio])] : [];
    });
  const [model, multiple] = [points('MAE model'), points('MAE multiple')];
  const ratios = [1, ...[...model, ...multiple].map(([, ratio]) => ratio)];
  const [min, max] = [Math.min(...ratios) * 0.99, Math.max(...ratios) * 1.01];
  const last = Math.max(1, rows.length - 1);
  const every = Math.ceil((rows.length * 90) / width);
  return drawLineChart({
    ...{ width, height: 320 },
    description: 'MAE by month, divided by the MAE of vol_moving_avg. The table has the numbers.',
    x: {
      ...{ min: 0, max: last, label: 'as of' },
      ticks: rows
        .map(([asOf], at) => ({ at, text: asOf.slice(0, 7) }))
        .filter(({ at }) => at % every === 0 && at < last - every / 3),
    },
    y: {
      ...{ min, max, label: 'MAE ÷ MAE of vol_moving_avg' },
      ticks: roundTicks(min, max, 5).map((at) => ({ at, text: digits(at) })),
    },
    series: [
      {
        style: 'level',
        points: [
          [0, 1],
          [last, 1],
        ],
      },
      { style: 'line second', points: multiple },
      { style: 'line first', points: model },
      { style: 'dot first', points: model, isDots: true },
    ],
  });
}
