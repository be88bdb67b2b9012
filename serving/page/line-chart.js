import { svg } from './dom.js';

/**
 * @typedef {object} Axis
 * @property {number} min
 * @property {number} max
 * @property {{ at: number, text: string }[]} ticks
 * @property {string} label
 */

/**
 * The size of a chart and the edges of its plot area, in CSS pixels.
 * x and y turn values into positions.
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 * @property {(value: number) => number} x
 * @property {(value: number) => number} y
 */

const MARGIN = { left: 52, right: 14, top: 26, bottom: 40 };

/**
 * @param {number} width
 * @param {number} height
 * @param {Axis} x
 * @param {Axis} y
 * @returns {Layout}
 */
export function layOutChart(width, height, x, y) {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const fraction = (/** @type {Axis} */ { min, max }, /** @type {number} */ value) =>
    (value - min) / (max - min || 1);
  return {
    ...{ width, height, left, right, top, bottom },
    x: (value) => left + fraction(x, value) * (right - left),
    y: (value) => bottom - fraction(y, value) * (bottom - top),
  };
}

/**
 * Ticks, grid lines and labels. The label of the y axis is above it.
 * @param {Layout} layout
 * @param {Axis} x
 * @param {Axis} y
 */
export function drawAxes(layout, x, y) {
  const { left, right, top, bottom, height } = layout;
  return svg(
    'g',
    { class: 'axes' },
    ...y.ticks.flatMap(({ at, text }) => [
      svg('line', { class: 'grid', x1: left, x2: right, y1: layout.y(at), y2: layout.y(at) }),
      svg('text', { x: left - 8, y: layout.y(at) + 4, 'text-anchor': 'end' }, text),
    ]),
    ...x.ticks.flatMap(({ at, text }) => [
      svg('line', { class: 'tick', x1: layout.x(at), x2: layout.x(at), y1: bottom, y2: bottom + 5 }),
      svg('text', { x: layout.x(at), y: bottom + 18, 'text-anchor': 'middle' }, text),
    ]),
    svg('line', { class: 'base', x1: left, x2: right, y1: bottom, y2: bottom }),
    svg('text', { class: 'label', x: right, y: height - 5, 'text-anchor': 'end' }, x.label),
    svg('text', { class: 'label', x: 2, y: top - 12 }, y.label),
  );
}

/**
 * @typedef {object} Series
 * @property {string} style CSS classes of the line or the dots
 * @property {[number, number][]} points
 * @property {boolean} [isDots]
 */

/**
 * @param {{ width: number, height: number, x: Axis, y: Axis, series: Series[],
 *   description: string }} chart
 */
export function drawLineChart({ width, height, x, y, series, description }) {
  const layout = layOutChart(width, height, x, y);
  const position = (/** @type {[number, number]} */ [a, b]) => [
    layout.x(a).toFixed(1),
    layout.y(b).toFixed(1),
  ];
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': description },
    drawAxes(layout, x, y),
    ...series.flatMap(({ style, points, isDots }) =>
      isDots
        ? points.map(position).map(([cx, cy]) => svg('circle', { class: style, cx, cy, r: 4.5 }))
        : [svg('polyline', { class: style, points: points.map(position).join(' ') })],
    ),
  );
}
