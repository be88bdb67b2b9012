import { drawAxes, makeRoom } from './chart.js';
import { mixAt, readScale } from './colours.js';
import { byId, drawToFit, html, nothing, svg, table } from './dom.js';
import { digits, fromLog, logTicks, short, signedLog } from './numbers.js';

/** @typedef {import('../surface.ts').Surface} Surface */
/** @typedef {'ratio' | 'prediction'} Measure */

/** The ratio to the mean volume takes its full colours at this factor, up and down. */
const FULL = 2;

/** @type {{ average: number, median: number } | undefined} */
let asked;
/** @type {() => void} */
let redraw = () => {};

/**
 * Marks the inputs that were asked for last.
 * @param {number} average
 * @param {number} median
 */
export function markOnSurface(average, median) {
  asked = { average, median };
  redraw();
}

/**
 * Draws the model's answers over both inputs, and where its training rows lie.
 * @param {Surface} surface
 * @param {(average: string, median: string) => void} pick is told where the map was pressed
 */
export function showSurface(surface, pick) {
  const canvas = /** @type {HTMLCanvasElement} */ (html('canvas', {}));
  const overlay = html('div', { class: 'overlay' });
  const map = html('div', { class: 'map' }, canvas, overlay);
  const legend = html('div', { class: 'legend' });
  const readout = html('p', { class: 'readout note' });
  const values = html('details', {});
  const rest = 'Point at the map to read it, press it to ask.';
  readout.textContent = rest;
  const place = byId('surface');
  place.replaceChildren(map, legend, readout, values);

  let width = 0;
  redraw = () => {
    if (width > 0) draw();
  };
  drawToFit(map, (fitting) => {
    width = fitting;
    draw();
  });
  const measureOf = () =>
    /** @type {Measure} */ (
      /** @type {HTMLInputElement} */ (document.querySelector('input[name=measure]:checked')).value
    );

  function draw() {
    const measure = measureOf();
    const height = Math.round(Math.min(440, Math.max(280, width * 0.62)));
    const [x, y] = axesOf(surface, width, height);
    const room = makeRoom(width, height, x, y);
    paint(canvas, room, surface, measure);
    overlay.replaceChildren(drawOverlay(room, x, y, surface, measure));
    legend.replaceChildren(...drawLegend(surface, measure));
    values.replaceChildren(html('summary', {}, 'The same as a table'), makeTable(surface, measure));
    const inputsAt = (/** @type {PointerEvent} */ event) => {
      const box = map.getBoundingClientRect();
      const part = (event.clientX - box.left - room.left) / (room.right - room.left);
      const rise = (room.bottom - (event.clientY - box.top)) / (room.bottom - room.top);
      if (part < 0 || part > 1 || rise < 0 || rise > 1) return undefined;
      return [x.low + part * (x.high - x.low), y.low + rise * (y.high - y.low)];
    };
    map.onpointermove = (event) => {
      const at = inputsAt(event);
      readout.textContent = at ? describe(surface, at[0], at[1]) : rest;
    };
    map.onpointerleave = () => {
      readout.textContent = rest;
    };
    map.onclick = (event) => {
      const at = inputsAt(/** @type {PointerEvent} */ (event));
      if (at) pick(String(Math.round(fromLog(at[0]))), String(Number(fromLog(at[1]).toPrecision(3))));
    };
  }
}

/** Draws anew in what is chosen, or in the colours of the scheme that came. */
export function redrawSurface() {
  redraw();
}

/**
 * @param {Surface} surface
 * @param {number} width
 * @param {number} height
 * @returns {[import('./chart.js').Axis, import('./chart.js').Axis]}
 */
function axesOf({ average, median }, width, height) {
  const ticks = (/** @type {[number, number]} */ stretch, /** @type {number} */ pixels) =>
    logTicks(stretch, ((stretch[1] - stretch[0]) * 34) / pixels).map((value) => ({
      at: signedLog(value),
      text: short(value).replace('-', '−'),
    }));
  return [
    { low: average[0], high: average[1], ticks: ticks(average, width - 66), label: 'mean volume, shares' },
    { low: median[0], high: median[1], ticks: ticks(median, (height - 66) * 1.3), label: 'median price' },
  ];
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('./chart.js').Room} room
 * @param {Surface} surface
 * @param {Measure} measure
 */
function paint(canvas, { width, height, left, right, top, bottom }, surface, measure) {
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  const { columns, rows, in_domain } = surface;
  const pixels = new ImageData(columns, rows);
  const scale = readScale(measure);
  const [low, high] = limitsOf(surface, measure);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const index = row * columns + column;
      const value = valueAt(surface, index, measure);
      const colour = mixAt(scale, (value - low) / (high - low || 1));
      // Rows count from below, pixels from above; what training did not see is pale.
      pixels.data.set([...colour, in_domain[index] ? 255 : 70], ((rows - 1 - row) * columns + column) * 4);
    }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext('2d')?.putImageData(pixels, 0, 0);
  if (!context) return;
  context.scale(density, density);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, right - left, bottom - top);
}

/**
 * @param {import('./chart.js').Room} room
 * @param {import('./chart.js').Axis} x
 * @param {import('./chart.js').Axis} y
 * @param {Surface} surface
 * @param {Measure} measure
 */
function drawOverlay(room, x, y, surface, measure) {
  const { width, height, left, right, top, bottom } = room;
  const most = Math.max(...surface.cells.map(({ share }) => share));
  const dots = surface.cells.flatMap(({ average, median, share }) => {
    const [cx, cy] = [room.x((average[0] + average[1]) / 2), room.y((median[0] + median[1]) / 2)];
    const radius = 11 * Math.sqrt(share / most);
    const isOn = cx >= left && cx <= right && cy >= top && cy <= bottom && radius >= 0.6;
    return isOn ? [svg('circle', { class: 'rows', cx, cy, r: radius.toFixed(1) })] : [];
  });
  const mark = asked && [room.x(signedLog(asked.average)), room.y(signedLog(asked.median))];
  const isMarked = mark && mark[0] >= left && mark[0] <= right && mark[1] >= top && mark[1] <= bottom;
  return svg(
    'svg',
    { width, height, role: 'img', 'aria-label': summarise(surface, measure) },
    drawAxes(room, x, y),
    ...dots,
    ...(isMarked
      ? [
          svg('path', { class: 'cross', d: `M${mark[0]} ${top}V${bottom}M${left} ${mark[1]}H${right}` }),
          svg('circle', { class: 'asked', cx: mark[0], cy: mark[1], r: 6 }),
        ]
      : []),
  );
}

/**
 * @param {Surface} surface
 * @param {Measure} measure
 */
function drawLegend(surface, measure) {
  const [low, high] = limitsOf(surface, measure);
  const steps = Array.from({ length: 24 }, (_, index) => index / 23);
  const scale = readScale(measure);
  const bar = svg(
    'svg',
    { class: 'bar', viewBox: '0 0 240 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...steps.map((part, index) =>
      svg('rect', { x: index * 10, y: 0, width: 10.5, height: 10, fill: `rgb(${mixAt(scale, part)})` }),
    ),
  );
  const middle = (low + high) / 2;
  const name = (/** @type {number} */ at) =>
    measure === 'ratio' ? `${digits(Math.exp(at))} ×` : short(fromLog(at));
  const ends =
    measure === 'ratio' ? [`≤ ${name(low)}`, name(middle), `≥ ${name(high)}`] : [low, middle, high].map(name);
  const isKnown = surface.cells.length > 0;
  return [
    html('div', { class: 'scale' }, bar, ...ends.map((text) => html('span', {}, text))),
    html(
      'ul',
      { class: 'keys' },
      ...(isKnown ? [html('li', { class: 'key-rows' }, 'training rows, by area')] : []),
      html('li', { class: 'key-pale' }, 'pale: outside the training domain'),
      ...(asked ? [html('li', { class: 'key-asked' }, 'your question')] : []),
      ...(isKnown ? [] : [html('li', {}, 'the model file does not say where its training rows lie')]),
    ),
  ];
}

/**
 * @param {Surface} surface
 * @param {Measure} measure
 * @returns {[number, number]} in log units
 */
function limitsOf(surface, measure) {
  if (measure === 'ratio') return [-Math.log(FULL), Math.log(FULL)];
  const logs = surface.prediction.map((value) => Math.log1p(value));
  return [Math.min(...logs), Math.max(...logs)];
}

/**
 * @param {Surface} surface
 * @param {number} index
 * @param {Measure} measure
 * @returns {number} in log units
 */
function valueAt({ average, columns, prediction }, index, measure) {
  const logPrediction = Math.log1p(prediction[index]);
  if (measure === 'prediction') return logPrediction;
  return logPrediction - (average[0] + ((index % columns) / (columns - 1)) * (average[1] - average[0]));
}

/**
 * The index of the point that is nearest to a place in log units.
 * @param {Surface} surface
 * @param {number} logAverage
 * @param {number} logMedian
 */
function nearest({ average, median, columns, rows }, logAverage, logMedian) {
  const step = (
    /** @type {[number, number]} */ [low, high],
    /** @type {number} */ at,
    /** @type {number} */ n,
  ) => Math.min(n - 1, Math.max(0, Math.round(((at - low) / (high - low || 1)) * (n - 1))));
  return step(median, logMedian, rows) * columns + step(average, logAverage, columns);
}

/**
 * @param {Surface} surface
 * @param {number} logAverage
 * @param {number} logMedian
 */
function describe(surface, logAverage, logMedian) {
  const index = nearest(surface, logAverage, logMedian);
  const ratio = Math.exp(valueAt(surface, index, 'ratio'));
  const share =
    surface.cells.find(
      ({ average, median }) =>
        logAverage >= average[0] &&
        logAverage < average[1] &&
        logMedian >= median[0] &&
        logMedian < median[1],
    )?.share ?? 0;
  return [
    `Mean volume ${short(fromLog(logAverage))}, price ${short(fromLog(logMedian))}:`,
    `${short(surface.prediction[index])} shares, ${digits(ratio)} × the mean;`,
    surface.in_domain[index]
      ? `${digits(share * 100)} % of the training rows lie around it.`
      : 'outside the training domain.',
  ].join(' ');
}

/**
 * @param {Surface} surface
 * @param {Measure} measure
 */
function summarise(surface, measure) {
  const seen = surface.prediction.flatMap((_, index) =>
    surface.in_domain[index] ? [valueAt(surface, index, measure)] : [],
  );
  const name = (/** @type {number} */ log) =>
    measure === 'ratio' ? `${digits(Math.exp(log))} times the mean volume` : `${short(fromLog(log))} shares`;
  const range = seen.length > 0 ? `${name(Math.min(...seen))} to ${name(Math.max(...seen))}` : 'nothing';
  return `Heat map of the prediction over mean volume and median price. In the training domain it ranges from ${range}. A table follows.`;
}

/**
 * @param {Surface} surface
 * @param {Measure} measure
 */
function makeTable(surface, measure) {
  const averages = spread(surface.average, 7);
  const medians = spread(surface.median, 7).reverse();
  const cell = (/** @type {number} */ logAverage, /** @type {number} */ logMedian) => {
    const index = nearest(surface, logAverage, logMedian);
    const value =
      measure === 'ratio'
        ? `${digits(Math.exp(valueAt(surface, index, measure)))} ×`
        : short(surface.prediction[index]);
    return surface.in_domain[index] ? value : `(${value})`;
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
 * @param {[number, number]} stretch
 * @param {number} count
 */
function spread([low, high], count) {
  return Array.from({ length: count }, (_, index) => low + (index / (count - 1)) * (high - low));
}

/** Says why there is no surface. */
export function hideSurface() {
  redraw = () => {};
  byId('surface').replaceChildren(nothing('No model is in service yet.'));
}
