import { drawAxes, makeRoom } from './chart.js';
import { mixAt, readScale } from './colours.js';
import { html, svg } from './dom.js';
import { logTicks, short, signedLog } from './numbers.js';
import { summarise, valueAt } from './readings.js';

/** @typedef {import('./readings.js').Surface} Surface */
/** @typedef {import('./readings.js').Measure} Measure */
/** @typedef {import('./chart.js').Axis} Axis */
/** @typedef {import('./chart.js').Room} Room */
/** @typedef {{ volMovingAvg: number, adjCloseRollingMed: number }} Inputs */

/** The ratio to the mean volume has the colours of the ends at this factor, up and down. */
const FULL = Math.log(4);

/** How opaque the map is where training saw nothing, of 255. */
const FAINT = 60;

/**
 * The room for a map of this width, and its axes in log units.
 * @param {Surface} surface
 * @param {number} width
 * @returns {{ room: Room, x: Axis, y: Axis }}
 */
export function layOut({ vol_moving_avg, adj_close_rolling_med }, width) {
  const height = Math.round(Math.min(440, Math.max(280, width * 0.62)));
  const axis = (
    /** @type {[number, number]} */ [low, high],
    /** @type {number} */ ticks,
    /** @type {string} */ label,
  ) => ({
    ...{ low, high, label },
    ticks: logTicks([low, high], (high - low) / ticks).map((value) => ({
      at: signedLog(value),
      text: short(value),
    })),
  });
  const x = axis(vol_moving_avg, width / 42, 'mean volume, shares');
  const y = axis(adj_close_rolling_med, height / 32, 'median price');
  return { room: makeRoom(width, height, x, y), x, y };
}

/**
 * Paints the predictions.
 * @param {HTMLCanvasElement} canvas
 * @param {Room} room
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function paint(canvas, { width, height, left, right, top, bottom }, surface, measure) {
  const { columns, rows, in_domain } = surface;
  const pixels = new ImageData(columns, rows);
  const scale = readScale(measure);
  const partOf = partsOf(surface, measure);
  for (const index of surface.prediction.keys()) {
    // Rows count from below, pixels from above.
    const pixel = (rows - 1 - Math.floor(index / columns)) * columns + (index % columns);
    const colour = mixAt(scale, partOf(valueAt(surface, index, measure)));
    pixels.data.set([...colour, in_domain[index] ? 255 : FAINT], pixel * 4);
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
 * Axes, where the training rows lie, and the inputs that were asked for last.
 * @param {{ room: Room, x: Axis, y: Axis }} layout
 * @param {Surface} surface
 * @param {Measure} measure
 * @param {Inputs | undefined} asked
 */
export function drawOverlay({ room, x, y }, surface, measure, asked) {
  const { width, height, left, right, top, bottom } = room;
  const isInside = (/** @type {number} */ at, /** @type {number} */ over) =>
    at >= left && at <= right && over >= top && over <= bottom;
  const most = Math.max(...surface.cells.map(({ share }) => share));
  const dots = surface.cells.flatMap(({ vol_moving_avg, adj_close_rolling_med, share }) => {
    const [cx, cy] = [room.x(middleOf(vol_moving_avg)), room.y(middleOf(adj_close_rolling_med))];
    const r = 0.018 * (right - left) * Math.sqrt(share / most);
    return isInside(cx, cy) && r >= 0.6 ? [svg('circle', { class: 'rows', cx, cy, r: r.toFixed(1) })] : [];
  });
  const [cx, cy] = asked
    ? [room.x(signedLog(asked.volMovingAvg)), room.y(signedLog(asked.adjCloseRollingMed))]
    : [-1, -1];
  const mark = isInside(cx, cy)
    ? [
        svg('path', { class: 'cross', d: `M${cx} ${top}V${bottom}M${left} ${cy}H${right}` }),
        svg('circle', { class: 'asked', cx, cy, r: 6 }),
      ]
    : [];
  const label = summarise(surface, measure);
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': label },
    drawAxes(room, x, y),
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
  const scale = readScale(measure);
  const partOf = partsOf(surface, measure);
  const logs = surface.prediction.map(Math.log1p);
  const range = [Math.min(...logs), Math.max(...logs)];
  const marks =
    measure === 'ratio'
      ? [0.25, 0.7, 1, 1.4, 4].map((ratio) => ({ at: Math.log(ratio), text: `${ratio} ×` }))
      : logTicks([range[0], range[1]], (range[1] - range[0]) / 4).map((value) => ({
          at: signedLog(value),
          text: short(value),
        }));
  const [left, width] = [20, 240];
  const steps = Array.from({ length: 40 }, (_, index) => index / 40);
  const bar = svg(
    'svg',
    { width: width + 2 * left, height: 30, 'aria-hidden': 'true' },
    ...steps.map((part) =>
      svg('rect', {
        ...{ x: left + part * width, y: 0, width: width / 40 + 0.5, height: 12 },
        fill: `rgb(${mixAt(scale, part + 0.5 / 40)})`,
      }),
    ),
    ...marks.map(({ at, text }) =>
      svg('text', { x: left + partOf(at) * width, y: 26, 'text-anchor': 'middle' }, text),
    ),
  );
  const isKnown = surface.cells.length > 0;
  return [
    bar,
    html(
      'ul',
      { class: 'keys' },
      isKnown
        ? html('li', { class: 'key rows-key' }, 'training rows, by area')
        : html('li', {}, 'the model file does not say where its training rows lie'),
      html('li', { class: 'key faint-key' }, 'faint: outside the training domain'),
      html('li', { class: 'key asked-key' }, 'your question'),
    ),
  ];
}

/** @param {[number, number]} range */
function middleOf([min, max]) {
  return (min + max) / 2;
}

/**
 * From a value in log units to its part of the colour scale, from 0 to 1. Ratios near 1 are spread out.
 * @param {Surface} surface
 * @param {Measure} measure
 * @returns {(value: number) => number}
 */
function partsOf(surface, measure) {
  if (measure === 'ratio')
    return (value) => 0.5 + 0.5 * Math.sign(value) * Math.sqrt(Math.min(1, Math.abs(value) / FULL));
  const logs = surface.prediction.map(Math.log1p);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  return (value) => (value - low) / (high - low || 1);
}
