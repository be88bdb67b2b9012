import { makeColourScale } from './colour-scale.js';
import { html, svg } from './dom.js';
import { drawAxes, layOutChart } from './line-chart.js';
import { short } from './number-format.js';
import { describeMap, valueAt, valuesInDomain } from './surface-text.js';
import { logTicks, signedLog } from './ticks.js';

/** @typedef {import('./surface-text.js').Surface} Surface */
/** @typedef {import('./surface-text.js').Measure} Measure */
/** @typedef {import('./line-chart.js').Axis} Axis */
/** @typedef {import('./line-chart.js').Layout} Layout */
/** @typedef {{ volMovingAvg: number, adjCloseRollingMed: number }} Inputs */

/** Between two lines of the hatching, in CSS pixels. */
const HATCH_GAP = 7;

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
 * Paints the predictions inside the training domain, and hatches what is outside.
 * @param {HTMLCanvasElement} canvas
 * @param {Layout} layout
 * @param {Surface} surface
 * @param {Measure} measure
 */
export function paintMap(canvas, { width, height, left, right, top, bottom }, surface, measure) {
  const { columns, rows, in_domain } = surface;
  const { colourOf } = makeColourScale(valuesInDomain(surface, measure));
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(density, density);
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  context.strokeStyle = getComputedStyle(canvas).color;
  context.beginPath();
  for (let x = left - height; x < right; x += HATCH_GAP) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, bottom - height);
  }
  context.stroke();
  // Cells meet at whole pixels of the screen, so that no line of the ground shows between them.
  const edge = (/** @type {number} */ at) => Math.round(at * density) / density;
  const x = (/** @type {number} */ column) => edge(left + (column / columns) * (right - left));
  const y = (/** @type {number} */ row) => edge(bottom - (row / rows) * (bottom - top));
  for (const index of in_domain.keys()) {
    if (!in_domain[index]) continue;
    const [column, row] = [index % columns, Math.floor(index / columns)];
    context.fillStyle = colourOf(valueAt(surface, index, measure));
    context.fillRect(x(column), y(row + 1), x(column + 1) - x(column), y(row) - y(row + 1));
  }
}

/**
 * Axes, dots for the training rows, a ring at the inputs of the last prediction, and a cross there
 * or at the cursor, if there is one.
 * @param {{ layout: Layout, x: Axis, y: Axis }} map
 * @param {Surface} surface
 * @param {Measure} measure
 * @param {Inputs | undefined} inputs
 * @param {[number, number] | undefined} cursor in log units
 */
export function drawOverlay({ layout, x, y }, surface, measure, inputs, cursor) {
  const { width, height, left, right, top, bottom } = layout;
  const isInside = (/** @type {number} */ cx, /** @type {number} */ cy) =>
    cx >= left && cx <= right && cy >= top && cy <= bottom;
  const maxShare = Math.max(...surface.cells.map(({ share }) => share));
  const dots = surface.cells.flatMap(({ vol_moving_avg, adj_close_rolling_med, share }) => {
    const [cx, cy] = [layout.x(middleOf(vol_moving_avg)), layout.y(middleOf(adj_close_rolling_med))];
    const r = 0.018 * (right - left) * Math.sqrt(share / maxShare);
    return isInside(cx, cy) && r >= 0.6 ? [svg('circle', { class: 'rows', cx, cy, r: r.toFixed(1) })] : [];
  });
  /** @type {[number, number] | undefined} */
  const input = inputs && [signedLog(inputs.volMovingAvg), signedLog(inputs.adjCloseRollingMed)];
  const draw = (
    /** @type {[number, number] | undefined} */ at,
    /** @type {(cx: number, cy: number) => Element} */ mark,
  ) => {
    const [cx, cy] = at ? [layout.x(at[0]), layout.y(at[1])] : [-1, -1];
    return isInside(cx, cy) ? [mark(cx, cy)] : [];
  };
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': describeMap(surface, measure) },
    drawAxes(layout, x, y),
    ...dots,
    ...draw(cursor ?? input, (cx, cy) =>
      svg('path', { class: 'cross', d: `M${cx} ${top}V${bottom}M${left} ${cy}H${right}` }),
    ),
    ...draw(input, (cx, cy) => svg('circle', { class: 'input', cx, cy, r: 6 })),
  );
}

/**
 * What the colours and the marks mean.
 * @param {Surface} surface
 * @param {Measure} measure
 * @param {number} width
 */
export function drawLegend(surface, measure, width) {
  const hasRows = surface.cells.length > 0;
  return [
    drawColours(makeColourScale(valuesInDomain(surface, measure)), measure, Math.min(width, 520)),
    html(
      'ul',
      { class: 'keys' },
      hasRows
        ? html('li', { class: 'key rows-key' }, 'training rows, by dot area')
        : html('li', {}, 'the model file does not say where its training rows are'),
      html('li', { class: 'key hatch-key' }, 'outside the training domain'),
      html('li', { class: 'key input-key' }, 'your input'),
    ),
  ];
}

/**
 * A box for each colour, with the numbers where they meet.
 * @param {import('./colour-scale.js').ColourScale} scale
 * @param {Measure} measure
 * @param {number} width
 */
function drawColours({ edges, colours }, measure, width) {
  const margin = 24;
  const size = (width - 2 * margin) / colours.length;
  const unit = measure === 'ratio' ? 'times vol_moving_avg' : 'shares';
  return svg(
    'svg',
    {
      width,
      height: 48,
      role: 'img',
      'aria-label': `Colours, in ${unit}: from ${edges.map(short).join(', ')}`,
    },
    svg('text', { x: margin, y: 12 }, unit),
    ...colours.map((fill, index) =>
      svg('rect', { fill, x: margin + index * size, y: 18, width: size + 0.5, height: 12 }),
    ),
    ...edges.map((edge, index) =>
      svg('text', { x: margin + index * size, y: 45, 'text-anchor': 'middle' }, short(edge)),
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
