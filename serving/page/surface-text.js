/** The response surface in words and as a table. */

import { html, table } from './dom.js';
import { digits, short } from './number-format.js';
import { signedExp } from './ticks.js';

/** @typedef {import('../scoring/response-surface.ts').Surface} Surface */
/** @typedef {'ratio' | 'prediction'} Measure ratio: the prediction divided by vol_moving_avg */

const TABLE_SIZE = 7;

/**
 * The measure at a grid point. A ratio is that of 1 + prediction to 1 + vol_moving_avg.
 * @param {Surface} surface
 * @param {number} index
 * @param {Measure} measure
 */
export function valueAt({ vol_moving_avg: [min, max], columns, prediction }, index, measure) {
  if (measure === 'prediction') return prediction[index];
  return Math.exp(Math.log1p(prediction[index]) - (min + ((index % columns) / (columns - 1)) * (max - min)));
}

/**
 * The measure at each grid point inside the training domain; at every point if none is inside.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function valuesInDomain(surface, measure) {
  const all = surface.prediction.map((_, index) => valueAt(surface, index, measure));
  const inside = all.filter((_, index) => surface.in_domain[index]);
  return inside.length > 0 ? inside : all;
}

/**
 * A sentence about the grid point nearest to these inputs in log units.
 * @param {Surface} surface
 * @param {number} logVolMovingAvg
 * @param {number} logAdjCloseRollingMed
 */
export function describePoint(surface, logVolMovingAvg, logAdjCloseRollingMed) {
  const index = nearest(surface, logVolMovingAvg, logAdjCloseRollingMed);
  const cell = surface.cells.find(
    ({ vol_moving_avg, adj_close_rolling_med }) =>
      isWithin(vol_moving_avg, logVolMovingAvg) && isWithin(adj_close_rolling_med, logAdjCloseRollingMed),
  );
  return [
    `vol_moving_avg ${short(signedExp(logVolMovingAvg))}, adj_close_rolling_med ${short(signedExp(logAdjCloseRollingMed))}:`,
    `${short(surface.prediction[index])} shares, ${ratioAt(surface, index)} vol_moving_avg.`,
    surface.in_domain[index]
      ? `${digits((cell?.share ?? 0) * 100)} % of the training rows are near this point.`
      : 'Outside the training domain.',
  ].join(' ');
}

/**
 * A description of the heat map.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function describeMap(surface, measure) {
  const values = valuesInDomain(surface, measure);
  const format = (/** @type {number} */ value) =>
    measure === 'ratio' ? `${digits(value)} times vol_moving_avg` : `${short(value)} shares`;
  const range = surface.in_domain.includes(1)
    ? `Inside the training domain it is between ${format(Math.min(...values))} and ${format(Math.max(...values))}.`
    : 'No point is inside the training domain.';
  return `Heat map of the prediction over vol_moving_avg and adj_close_rolling_med. ${range} A table of values follows.`;
}

/**
 * A table of TABLE_SIZE by TABLE_SIZE points.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function surfaceTable(surface, measure) {
  const volMovingAvgs = spread(surface.vol_moving_avg);
  const adjCloseRollingMeds = spread(surface.adj_close_rolling_med).reverse();
  const cell = (/** @type {number} */ logVolMovingAvg, /** @type {number} */ logAdjCloseRollingMed) => {
    const index = nearest(surface, logVolMovingAvg, logAdjCloseRollingMed);
    const text = measure === 'ratio' ? ratioAt(surface, index) : short(surface.prediction[index]);
    return surface.in_domain[index] ? text : `(${text})`;
  };
  const name = measure === 'ratio' ? 'Prediction ÷ vol_moving_avg' : 'Prediction in shares';
  return html(
    'div',
    {},
    html('p', { class: 'note' }, `${name}. Values outside the training domain are in brackets.`),
    table(
      name,
      ['adj_close_rolling_med \\ vol_moving_avg', ...volMovingAvgs.map((at) => short(signedExp(at)))],
      adjCloseRollingMeds.map((y) => [short(signedExp(y)), ...volMovingAvgs.map((x) => cell(x, y))]),
    ),
  );
}

/**
 * @param {Surface} surface
 * @param {number} index
 */
function ratioAt(surface, index) {
  return `${digits(valueAt(surface, index, 'ratio'))} ×`;
}

/**
 * @param {Surface} surface
 * @param {number} logVolMovingAvg
 * @param {number} logAdjCloseRollingMed
 */
function nearest(surface, logVolMovingAvg, logAdjCloseRollingMed) {
  const { vol_moving_avg, adj_close_rolling_med, columns, rows } = surface;
  const step = (
    /** @type {[number, number]} */ [min, max],
    /** @type {number} */ at,
    /** @type {number} */ count,
  ) => Math.min(count - 1, Math.max(0, Math.round(((at - min) / (max - min || 1)) * (count - 1))));
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

/** @param {[number, number]} range */
function spread([min, max]) {
  return Array.from({ length: TABLE_SIZE }, (_, index) => min + (index / (TABLE_SIZE - 1)) * (max - min));
}
