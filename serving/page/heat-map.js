import { colourAt, readScale } from './colour-scale.js';
import { html, svg } from './dom.js';
import { drawAxes, layOutChart } from './line-chart.js';
import { short } from './number-format.js';
import { describeMap, valueAt } from './surface-text.js';
import { logTicks, signedLog } from './ticks.js';

/** @typedef {import('./surface-text.js').Surface} Surface */
/** @typedef {import('./surface-text.js').Measure} Measure */
/** @typedef {import('./line-chart.js').Axis} Axis */
/** @typedef {import('./line-chart.js').Layout} Layout */
/** @typedef {{ volMovingAvg: number, adjCloseRollingMed: number }} Inputs */

/** The colour scale ends at this ratio, and at its inverse. */
const MAX_RATIO = 4;
const RATIO_TICKS = [1 / MAX_RATIO, 0.7, 1, 1.4, MAX_RATIO];

/** Alpha outside the training domain, of 255. */
const FAINT_ALPHA = 60;

const LEGEND_STEPS = 40;

/**
 * The layout of a map of this width, and its axes in log units.
 * @param {Surface} surface
 * @param {number} width
 * @returns {{ layout: Layout, x: Axis, y: Axis }}
 */
export function layOutMap({ vol_moving_avg, adj_close_rolling_med }, width) {
  const height = Math.round(Math.min(440, Math.max(280, width * 0.62)));
  const axis = (
    /** @type {[number, number]} */ [min, max],
    /** @type {number} */ maxTicks,
    /** @type {string} */ label,
  ) => ({
    ...{ min, max, label },
    ticks: logTicks([min, max], (max - min) / maxTicks).map(toTick),
  });
  const x = axis(vol_moving_avg, width / 42, 'vol_moving_avg, shares');
  const y = axis(adj_close_rolling_med, height / 32, 'adj_close_rolling_med');
  return { layout: layOutChart(width, height, x, y), x, y };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Layout} layout
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function paintMap(canvas, { width, height, left, right, top, bottom }, surface, measure) {
  const { columns, rows, in_domain } = surface;
  const pixels = new ImageData(columns, rows);
  const scale = readScale(measure);
  const fractionOf = scaleFraction(surface, measure);
  for (const index of surface.prediction.keys()) {
    // The first row of the surface is at the bottom, that of the image at the top.
    const pixel = (rows - 1 - Math.floor(index / columns)) * columns + (index % columns);
    const colour = colourAt(scale, fractionOf(valueAt(surface, index, measure)));
    pixels.data.set([...colour, in_domain[index] ? 255 : FAINT_ALPHA], pixel * 4);
  }
  const small = html('canvas', { width: columns, height: rows });
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  canvas.style.height = `${height}px`;
  const [from, to] = [small, canvas].map((one) => /** @type {HTMLCanvasElement} */ (one).getContext('2d'));
  if (!from || !to) return;
  from.putImageData(pixels, 0, 0);
  to.scale(density, density);
  to.imageSmoothingEnabled = false;
  to.drawImage(from.canvas, left, top, right - left, bottom - top);
}

/**
 * Axes, dots for the training rows, and a cross at the inputs of the last prediction.
 * @param {{ layout: Layout, x: Axis, y: Axis }} map
 * @param {Surface} surface
 * @param {Measure} measure
 * @param {Inputs | undefined} inputs
 */
export function drawOverlay({ layout, x, y }, surface, measure, inputs) {
  const { width, height, left, right, top, bottom } = layout;
  const isInside = (/** @type {number} */ cx, /** @type {number} */ cy) =>
    cx >= left && cx <= right && cy >= top && cy <= bottom;
  const maxShare = Math.max(...surface.cells.map(({ share }) => share));
  const dots = surface.cells.flatMap(({ vol_moving_avg, adj_close_rolling_med, share }) => {
    const [cx, cy] = [layout.x(middleOf(vol_moving_avg)), layout.y(middleOf(adj_close_rolling_med))];
    const r = 0.018 * (right - left) * Math.sqrt(share / maxShare);
    return isInside(cx, cy) && r >= 0.6 ? [svg('circle', { class: 'rows', cx, cy, r: r.toFixed(1) })] : [];
  });
  const [cx, cy] = inputs
    ? [layout.x(signedLog(inputs.volMovingAvg)), layout.y(signedLog(inputs.adjCloseRollingMed))]
    : [-1, -1];
  const mark = isInside(cx, cy)
    ? [
        svg('path', { class: 'cross', d: `M${cx} ${top}V${bottom}M${left} ${cy}H${right}` }),
        svg('circle', { class: 'input', cx, cy, r: 6 }),
      ]
    : [];
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': describeMap(surface, measure) },
    drawAxes(layout, x, y),
    ...dots,
    ...mark,
  );
}

/**
 * What the colours and the marks mean.
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function drawLegend(surface, measure) {
  const hasRows = surface.cells.length > 0;
  return [
    drawColourBar(surface, measure),
    html(
      'ul',
      { class: 'keys' },
      hasRows
        ? html('li', { class: 'key rows-key' }, 'training rows, by dot area')
        : html('li', {}, 'the model file does not say where its training rows are'),
      html('li', { class: 'key faint-key' }, 'faint: outside the training domain'),
      html('li', { class: 'key input-key' }, 'your input'),
    ),
  ];
}

/**
 * @param {Surface} surface
 * @param {Measure} measure
 */
function drawColourBar(surface, measure) {
  const scale = readScale(measure);
  const fractionOf = scaleFraction(surface, measure);
  const [min, max] = logRange(surface);
  const ticks =
    measure === 'ratio'
      ? RATIO_TICKS.map((ratio) => ({ at: Math.log(ratio), text: `${ratio} ×` }))
      : logTicks([min, max], (max - min) / 4).map(toTick);
  const [left, width] = [20, 240];
  return svg(
    'svg',
    { width: width + 2 * left, height: 30, 'aria-hidden': 'true' },
    ...Array.from({ length: LEGEND_STEPS }, (_, step) =>
      svg('rect', {
        ...{ x: left + (step / LEGEND_STEPS) * width, y: 0, width: width / LEGEND_STEPS + 0.5, height: 12 },
        fill: `rgb(${colourAt(scale, (step + 0.5) / LEGEND_STEPS)})`,
      }),
    ),
    ...ticks.map(({ at, text }) =>
      svg('text', { x: left + fractionOf(at) * width, y: 26, 'text-anchor': 'middle' }, text),
    ),
  );
}

/** @param {[number, number]} range */
function middleOf([min, max]) {
  return (min + max) / 2;
}

/** @param {number} value */
function toTick(value) {
  return { at: signedLog(value), text: short(value) };
}

/** @param {Surface} surface */
function logRange({ prediction }) {
  const logs = prediction.map(Math.log1p);
  return [Math.min(...logs), Math.max(...logs)];
}

/**
 * Maps a value in log units to a fraction of the colour scale.
 * The square root spreads out ratios near 1.
 * @param {Surface} surface
 * @param {Measure} measure
 * @returns {(value: number) => number}
 */
function scaleFraction(surface, measure) {
  if (measure === 'ratio')
    return (value) =>
      0.5 + 0.5 * Math.sign(value) * Math.sqrt(Math.min(1, Math.abs(value) / Math.log(MAX_RATIO)));
  const [min, max] = logRange(surface);
  return (value) => (value - min) / (max - min || 1);
}
