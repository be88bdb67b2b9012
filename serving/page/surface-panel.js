import { byId, drawToFit, emptyNote, html } from './dom.js';
import { drawLegend, drawOverlay, layOutMap, paintMap } from './heat-map.js';
import { describePoint, surfaceTable } from './surface-text.js';
import { signedExp, signedLog } from './ticks.js';

/** @typedef {import('./surface-text.js').Surface} Surface */

const HINT =
  'Point at the map to read a prediction, click it to use that point as the input. By keyboard: arrow keys and Enter.';
/** Steps of the arrow keys over the whole map. */
const KEY_STEPS = 40;
/** @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

/** @type {import('./heat-map.js').Inputs | undefined} */
let lastInputs;
let redraw = () => {};

/**
 * Marks the inputs of the last prediction.
 * @param {number} volMovingAvg
 * @param {number} adjCloseRollingMed
 */
export function markOnSurface(volMovingAvg, adjCloseRollingMed) {
  lastInputs = { volMovingAvg, adjCloseRollingMed };
  redraw();
}

/** Draws again, after the choice of colours or the colour scheme has changed. */
export function redrawSurface() {
  redraw();
}

export function hideSurface() {
  redraw = () => {};
  byId('surface').replaceChildren(emptyNote('No model is in service yet.'));
}

/**
 * @param {Surface} surface
 * @param {(volMovingAvg: string, adjCloseRollingMed: string) => void} onClick receives the
 *   inputs at the clicked point
 */
export function showSurface(surface, onClick) {
  const { canvas, overlay, map, legend, readout, values } = createElements();
  let drawn = layOutMap(surface, 600);
  let width = 0;
  /**
   * Where the arrow keys are, in log units.
   * @type {[number, number] | undefined}
   */
  let cursor;

  redraw = () => {
    if (width === 0) return;
    const measure = chosenMeasure();
    drawn = layOutMap(surface, width);
    paintMap(canvas, drawn.layout, surface, measure);
    overlay.replaceChildren(drawOverlay(drawn, surface, measure, lastInputs, cursor));
    legend.replaceChildren(...drawLegend(surface, measure, width));
    values.replaceChildren(surfaceTable(surface, measure));
  };
  drawToFit(map, (newWidth) => {
    width = newWidth;
    redraw();
  });

  map.addEventListener('pointermove', (event) => {
    const point = pointAt(map, drawn, event);
    readout.textContent = point ? describePoint(surface, point[0], point[1]) : HINT;
  });
  map.addEventListener('pointerleave', () => {
    readout.textContent = HINT;
  });
  map.addEventListener('click', (event) => predictAt(pointAt(map, drawn, event)));
  map.addEventListener('blur', () => {
    cursor = undefined;
    redraw();
  });
  map.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') return predictAt(cursor);
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    cursor = movePoint(drawn, cursor ?? startOf(drawn), step);
    readout.textContent = describePoint(surface, cursor[0], cursor[1]);
    redraw();
  });

  /** @param {[number, number] | undefined} point */
  function predictAt(point) {
    if (!point) return;
    onClick(String(Math.round(signedExp(point[0]))), String(Number(signedExp(point[1]).toPrecision(3))));
  }
}

/** Fills the panel with its elements, all without data. */
function createElements() {
  const canvas = /** @type {HTMLCanvasElement} */ (html('canvas'));
  const overlay = html('div', { class: 'overlay' });
  const map = html(
    'div',
    {
      ...{ class: 'map', tabindex: 0, role: 'application' },
      'aria-label': 'Map of predictions. Arrow keys move the point, Enter predicts there.',
    },
    canvas,
    overlay,
  );
  const legend = html('div', { class: 'legend' });
  const readout = html('p', { class: 'readout note', 'aria-live': 'polite' }, HINT);
  const values = html('div');
  const details = html('details', {}, html('summary', {}, 'Predictions as a table'), values);
  byId('surface').replaceChildren(map, legend, readout, details);
  return { canvas, overlay, map, legend, readout, values };
}

/**
 * The inputs of the last prediction, or the middle of the map.
 * @param {ReturnType<typeof layOutMap>} drawn
 * @returns {[number, number]}
 */
function startOf({ x, y }) {
  if (lastInputs) return [signedLog(lastInputs.volMovingAvg), signedLog(lastInputs.adjCloseRollingMed)];
  return [(x.min + x.max) / 2, (y.min + y.max) / 2];
}

/**
 * A step along the map, not beyond its edges.
 * @param {ReturnType<typeof layOutMap>} drawn
 * @param {[number, number]} point in log units
 * @param {[number, number]} step
 * @returns {[number, number]}
 */
function movePoint({ x, y }, point, step) {
  const move = (/** @type {import('./line-chart.js').Axis} */ { min, max }, /** @type {0 | 1} */ axis) =>
    Math.min(max, Math.max(min, point[axis] + (step[axis] * (max - min)) / KEY_STEPS));
  return [move(x, 0), move(y, 1)];
}

/**
 * The inputs at the pointer, in log units; undefined outside the plot area.
 * @param {HTMLElement} map
 * @param {ReturnType<typeof layOutMap>} drawn
 * @param {MouseEvent} event
 * @returns {[number, number] | undefined}
 */
function pointAt(map, { layout, x, y }, { clientX, clientY }) {
  const box = map.getBoundingClientRect();
  const right = (clientX - box.left - layout.left) / (layout.right - layout.left);
  const up = (layout.bottom - (clientY - box.top)) / (layout.bottom - layout.top);
  if (Math.min(right, up) < 0 || Math.max(right, up) > 1) return undefined;
  return [x.min + right * (x.max - x.min), y.min + up * (y.max - y.min)];
}

/** @returns {import('./surface-text.js').Measure} */
function chosenMeasure() {
  const choice = document.querySelector('input[name=measure]:checked');
  return choice?.getAttribute('value') === 'prediction' ? 'prediction' : 'ratio';
}
