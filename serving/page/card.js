import { drawLines } from './chart.js';
import { byId, drawToFit, html, nothing, SCROLL, table } from './dom.js';
import { firstTable, fromMarkdown } from './markdown.js';
import { digits, roundTicks, short } from './numbers.js';

/** @typedef {import('../champion/model-report.ts').Losses} Losses */

/** Where the logarithmic axis of losses ends. */
const LEAST_LOSS = 1e-6;
const NO_MODEL = 'No model is in service yet.';

/**
 * @param {string | null} version
 * @param {string | null} card Markdown
 */
export function showCard(version, card) {
  byId('card').replaceChildren(
    card === null
      ? nothing(version === null ? NO_MODEL : 'The store has no card of this model.')
      : html('div', { class: 'prose' }, ...fromMarkdown(card, 3)),
  );
}

/**
 * What the model file says of itself.
 * @param {string | null} version
 * @param {Record<string, string>} provenance
 */
export function showFile(version, provenance) {
  const said = Object.entries({ as_of: version ?? '', ...provenance });
  byId('file').replaceChildren(
    version === null
      ? nothing(NO_MODEL)
      : table('Names and values in the model file', ['name', 'value'], said, [false, true]),
  );
}

/**
 * @param {string | null} version
 * @param {Losses | null} losses
 */
export function showLosses(version, losses) {
  const place = byId('losses');
  if (!losses) {
    place.replaceChildren(nothing(version === null ? NO_MODEL : 'The store has no losses of this model.'));
    return;
  }
  const { training, validation } = losses;
  const all = [...training, ...validation];
  const last = Math.max(...all.map(([step]) => step));
  const values = all.map(([, loss]) => loss);
  const [low, high] = [Math.max(LEAST_LOSS, Math.min(...values)), Math.max(LEAST_LOSS, ...values)];
  const final = (/** @type {[number, number][]} */ points) => digits(points.at(-1)?.[1] ?? Number.NaN);
  const description = `Pinball loss over ${last} steps. Training ends at ${final(training)}, validation at ${final(validation)}.`;
  const chart = html('div', { class: 'chart' });
  place.replaceChildren(
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key line-key' }, `training, ${final(training)} at last`),
      html('li', { class: 'key dot-key' }, `validation, ${final(validation)} at last`),
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
  drawToFit(chart, (width) =>
    chart.replaceChildren(
      drawLines({
        ...{ width, height: 320, description },
        x: {
          ...{ low: 0, high: last, label: 'training step' },
          ticks: roundTicks(0, last, width < 400 ? 3 : 6).map((at) => ({ at, text: short(at) })),
        },
        y: {
          low: Math.log(low * 0.97),
          high: Math.log(high * 1.03),
          label: 'loss, logarithmic',
          ticks: roundTicks(low, high, 5).map((at) => ({ at: Math.log(at), text: digits(at) })),
        },
        series: [
          { name: 'training', look: 'line first', points: inLog(training) },
          { name: 'validation', look: 'dot second', points: inLog(validation), isDots: true },
        ],
      }),
    ),
  );
}

/**
 * @param {string | null} markdown
 * @param {string | null} plot an SVG image
 */
export function showWalkForward(markdown, plot) {
  const place = byId('forward');
  const found = markdown === null ? undefined : firstTable(markdown);
  if (!found && plot === null) {
    place.replaceChildren(
      nothing(
        'The store has none yet: make walk-forward FROM=2018-01 TO=2019-12 trains and scores a model for each month.',
      ),
    );
    return;
  }
  const image = /** @type {HTMLImageElement} */ (
    html('img', {
      class: 'plot',
      alt: 'MAE by month, as a share of that of the mean volume; the table has the numbers',
    })
  );
  if (plot !== null) {
    image.src = URL.createObjectURL(new Blob([plot], { type: 'image/svg+xml' }));
    const free = () => URL.revokeObjectURL(image.src);
    image.addEventListener('load', free);
    image.addEventListener('error', free);
  }
  place.replaceChildren(
    ...(plot === null ? [] : [html('div', { ...SCROLL, 'aria-label': 'Walk-forward plot' }, image)]),
    ...(found ? [table('Walk-forward by month', found.head, found.rows, found.isNumeric)] : []),
  );
}

/** @param {[number, number][]} points */
function inLog(points) {
  return points.map(
    ([step, loss]) => /** @type {[number, number]} */ ([step, Math.log(Math.max(LEAST_LOSS, loss))]),
  );
}
