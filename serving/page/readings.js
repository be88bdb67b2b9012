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
export function valueAt({ average, columns, prediction }, index, measure) {
  const logPrediction = Math.log1p(prediction[index]);
  if (measure === 'prediction') return logPrediction;
  return logPrediction - (average[0] + ((index % columns) / (columns - 1)) * (average[1] - average[0]));
}

/**
 * A sentence on the point that is nearest to a place in log units.
 * @param {Surface} surface
 * @param {number} logAverage
 * @param {number} logMedian
 */
export function describe(surface, logAverage, logMedian) {
  const index = nearest(surface, logAverage, logMedian);
  const cell = surface.cells.find(
    ({ average, median }) =>
      logAverage >= average[0] && logAverage < average[1] && logMedian >= median[0] && logMedian < median[1],
  );
  return [
    `Mean volume ${short(fromLog(logAverage))}, price ${short(fromLog(logMedian))}:`,
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
  const averages = spread(surface.average, 7);
  const medians = spread(surface.median, 7).reverse();
  const cell = (/** @type {number} */ logAverage, /** @type {number} */ logMedian) => {
    const index = nearest(surface, logAverage, logMedian);
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
      ['price \\ mean volume', ...averages.map((at) => short(fromLog(at)))],
      medians.map((median) => [short(fromLog(median)), ...averages.map((average) => cell(average, median))]),
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
 * @param {number} logAverage
 * @param {number} logMedian
 */
function nearest({ average, median, columns, rows }, logAverage, logMedian) {
  const step = (
    /** @type {[number, number]} */ [low, high],
    /** @type {number} */ at,
    /** @type {number} */ count,
  ) => Math.min(count - 1, Math.max(0, Math.round(((at - low) / (high - low || 1)) * (count - 1))));
  return step(median, logMedian, rows) * columns + step(average, logAverage, columns);
}

/**
 * @param {[number, number]} stretch
 * @param {number} count
 */
function spread([low, high], count) {
  return Array.from({ length: count }, (_, index) => low + (index / (count - 1)) * (high - low));
}
