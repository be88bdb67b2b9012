import { svg } from './dom.js';

/**
 * An axis: what stands at its ends, where its ticks are and how they are written.
 * @typedef {object} Axis
 * @property {number} low
 * @property {number} high
 * @property {{ at: number, text: string }[]} ticks
 * @property {string} label
 */

/**
 * The room of a chart, in CSS pixels, and where values lie in it.
 * @typedef {object} Room
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
 * @returns {Room}
 */
export function makeRoom(width, height, x, y) {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const part = (/** @type {Axis} */ { low, high }, /** @type {number} */ value) =>
    (value - low) / (high - low || 1);
  return {
    ...{ width, height, left, right, top, bottom },
    x: (value) => left + part(x, value) * (right - left),
    y: (value) => bottom - part(y, value) * (bottom - top),
  };
}

/**
 * Ticks, grid lines and labels; the label of the y axis lies on top of it.
 * @param {Room} room
 * @param {Axis} x
 * @param {Axis} y
 */
export function drawAxes(room, x, y) {
  const { left, right, top, bottom, height } = room;
  return svg(
    'g',
    { class: 'axes' },
    ...y.ticks.flatMap(({ at, text }) => [
      svg('line', { class: 'grid', x1: left, x2: right, y1: room.y(at), y2: room.y(at) }),
      svg('text', { x: left - 8, y: room.y(at) + 4, 'text-anchor': 'end' }, text),
    ]),
    ...x.ticks.flatMap(({ at, text }) => [
      svg('line', { class: 'tick', x1: room.x(at), x2: room.x(at), y1: bottom, y2: bottom + 5 }),
      svg('text', { x: room.x(at), y: bottom + 18, 'text-anchor': 'middle' }, text),
    ]),
    svg('line', { class: 'base', x1: left, x2: right, y1: bottom, y2: bottom }),
    svg('text', { class: 'label', x: right, y: height - 5, 'text-anchor': 'end' }, x.label),
    svg('text', { class: 'label', x: 2, y: top - 12 }, y.label),
  );
}

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} look the class of its line or its dots
 * @property {[number, number][]} points
 * @property {boolean} [isDots]
 */

/**
 * A chart of lines or dots.
 * @param {{ width: number, height: number, x: Axis, y: Axis, series: Series[], description: string }} chart
 */
export function drawLines({ width, height, x, y, series, description }) {
  const room = makeRoom(width, height, x, y);
  const place = (/** @type {[number, number]} */ [a, b]) => [room.x(a).toFixed(1), room.y(b).toFixed(1)];
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': description },
    drawAxes(room, x, y),
    ...series.flatMap(({ look, points, isDots }) =>
      isDots
        ? points.map(place).map(([cx, cy]) => svg('circle', { class: look, cx, cy, r: 4.5 }))
        : [svg('polyline', { class: look, points: points.map(place).join(' ') })],
    ),
  );
}
