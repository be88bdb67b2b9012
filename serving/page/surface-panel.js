import { byId, drawToFit, emptyNote, html } from './dom.js';
import { drawLegend, drawOverlay, layOutMap, paintMap } from './heat-map.js';
import { describePoint, surfaceTable } from './surface-text.js';
import { signedExp } from './ticks.js';

/** @typedef {import('./surface-text.js').Surface} Surface */

const HINT = 'Point at the map to read a prediction. Click it to use that point as the input.';

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
  const canvas = /** @type {HTMLCanvasElement} */ (html('canvas'));
  const overlay = html('div', { class: 'overlay' });
  const map = html('div', { class: 'map' }, canvas, overlay);
  const legend = html('div', { class: 'legend' });
  const readout = html('p', { class: 'readout note' }, HINT);
  const values = html('div');
  const details = html('details', {}, html('summary', {}, 'Predictions as a table'), values);
  byId('surface').replaceChildren(map, legend, readout, details);
  let drawn = layOutMap(surface, 600);
  let width = 0;

  redraw = () => {
    if (width === 0) return;
    const measure = chosenMeasure();
    drawn = layOutMap(surface, width);
    paintMap(canvas, drawn.layout, surface, measure);
    overlay.replaceChildren(drawOverlay(drawn, surface, measure, lastInputs));
    legend.replaceChildren(...drawLegend(surface, measure));
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
  map.addEventListener('click', (event) => {
    const point = pointAt(map, drawn, event);
    if (!point) return;
    onClick(String(Math.round(signedExp(point[0]))), String(Number(signedExp(point[1]).toPrecision(3))));
  });
}

/**
 * The inputs at the pointer, in log units; undefined outside the plot area.
 * @param {HTMLElement} map
 * @param {ReturnType<typeof layOutMap>} drawn
 * @param {MouseEvent} event
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
