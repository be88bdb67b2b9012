import { html, table } from './dom.js';
import { digits, fromLog, short } from './numbers.js';

/** What a surface says at its points, in words and as a table. */

/** @typedef {import('../scoring/response-surface.ts').Surface} Surface */
/** @typedef {'ratio' | 'prediction'} Measure */

/**
 * In log units: the prediction, or its ratio to the mean volume.
 * @param {Surface} surface
 * @param {number} index
 * @param {Measure} measure
 */
export function valueAt({ vol_moving_avg: [min, max], columns, prediction }, index, measure) {
  const logPrediction = Math.log1p(prediction[index]);
  if (measure === 'prediction') return logPrediction;
  return logPrediction - (min + ((index % columns) / (columns - 1)) * (max - min));
}

/**
 * A sentence on the point that is nearest to a place in log units.
 * @param {Surface} surface
 * @param {number} logVolMovingAvg
 * @param {number} logAdjCloseRollingMed
 */
export function describe(surface, logVolMovingAvg, logAdjCloseRollingMed) {
  const index = nearest(surface, logVolMovingAvg, logAdjCloseRollingMed);
  const cell = surface.cells.find(
    ({ vol_moving_avg, adj_close_rolling_med }) =>
      isWithin(vol_moving_avg, logVolMovingAvg) && isWithin(adj_close_rolling_med, logAdjCloseRollingMed),
  );
  return [
    `Mean volume ${short(fromLog(logVolMovingAvg))}, price ${short(fromLog(logAdjCloseRollingMed))}:`,
    `${short(surface.prediction[index])} shares, ${factor(surface, index)} the mean;`,
    surface.in_domain[index]
      ? `${digits((cell?.share ?? 0) * 100)} % of the training rows lie around it.`
      : 'outside the training domain.',
  ].join(' ');
}

/**
 * A sentence on all of it.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function summarise(surface, measure) {
  const seen = surface.prediction.flatMap((_, index) =>
    surface.in_domain[index] ? [valueAt(surface, index, measure)] : [],
  );
  const name = (/** @type {number} */ log) =>
    measure === 'ratio' ? `${digits(Math.exp(log))} times the mean volume` : `${short(fromLog(log))} shares`;
  const range =
    seen.length > 0
      ? `In the training domain it ranges from ${name(Math.min(...seen))} to ${name(Math.max(...seen))}.`
      : 'No point lies in the training domain.';
  return `Heat map of the prediction over mean volume and median price. ${range} A table follows.`;
}

/**
 * Some of its points as a table.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function tabulate(surface, measure) {
  const volMovingAvgs = spread(surface.vol_moving_avg, 7);
  const adjCloseRollingMeds = spread(surface.adj_close_rolling_med, 7).reverse();
  const cell = (/** @type {number} */ logVolMovingAvg, /** @type {number} */ logAdjCloseRollingMed) => {
    const index = nearest(surface, logVolMovingAvg, logAdjCloseRollingMed);
    const text = measure === 'ratio' ? factor(surface, index) : short(surface.prediction[index]);
    return surface.in_domain[index] ? text : `(${text})`;
  };
  const name = measure === 'ratio' ? 'Prediction as a multiple of the mean volume' : 'Prediction in shares';
  return html(
    'div',
    {},
    html('p', { class: 'note' }, `${name}; in brackets outside the training domain.`),
    table(
      name,
      ['price \\ mean volume', ...volMovingAvgs.map((at) => short(fromLog(at)))],
      adjCloseRollingMeds.map((y) => [short(fromLog(y)), ...volMovingAvgs.map((x) => cell(x, y))]),
    ),
  );
}

/**
 * @param {Surface} surface
 * @param {number} index
 */
function factor(surface, index) {
  return `${digits(Math.exp(valueAt(surface, index, 'ratio')))} ×`;
}

/**
 * @param {Surface} surface
 * @param {number} logVolMovingAvg
 * @param {number} logAdjCloseRollingMed
 */
function nearest(
  { vol_moving_avg, adj_close_rolling_med, columns, rows },
  logVolMovingAvg,
  logAdjCloseRollingMed,
) {
  const step = (
    /** @type {[number, number]} */ [low, high],
    /** @type {number} */ at,
    /** @type {number} */ count,
  ) => Math.min(count - 1, Math.max(0, Math.round(((at - low) / (high - low || 1)) * (count - 1))));
  return (
    step(adj_close_rolling_med, logAdjCloseRollingMed, rows) * columns +
    step(vol_moving_avg, logVolMovingAvg, columns)
  );
}

/**
 * @param {[number, number]} range
 * @param {number} value
 */
function isWithin([min, max], value) {
  return value >= min && value < max;
}

/**
 * @param {[number, number]} range
 * @param {number} count
 */
function spread([low, high], count) {
  return Array.from({ length: count }, (_, index) => low + (index / (count - 1)) * (high - low));
}
