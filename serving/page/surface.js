import { byId, drawToFit, html, nothing } from './dom.js';
import { drawLegend, drawOverlay, layOut, paint } from './map.js';
import { fromLog } from './numbers.js';
import { describe, tabulate } from './readings.js';

/** @typedef {import('./readings.js').Surface} Surface */

const REST = 'Point at the map to read it, press it to ask.';

/** @type {import('./map.js').Inputs | undefined} */
let asked;
/** Draws what is shown anew. */
let draw = () => {};

/**
 * Marks the inputs that were asked for last.
 * @param {number} volMovingAvg
 * @param {number} adjCloseRollingMed
 */
export function markOnSurface(volMovingAvg, adjCloseRollingMed) {
  asked = { volMovingAvg, adjCloseRollingMed };
  draw();
}

/** Draws anew what is chosen, or in the colours of the scheme that came. */
export function redrawSurface() {
  draw();
}

/** Says that there is no surface. */
export function hideSurface() {
  draw = () => {};
  byId('surface').replaceChildren(nothing('No model is in service yet.'));
}

/**
 * Shows the model's answers over both inputs, and where its training rows lie.
 * @param {Surface} surface
 * @param {(volMovingAvg: string, adjCloseRollingMed: string) => void} pick is told where the map was pressed
 */
export function showSurface(surface, pick) {
  const canvas = /** @type {HTMLCanvasElement} */ (html('canvas'));
  const overlay = html('div', { class: 'overlay' });
  const map = html('div', { class: 'map' }, canvas, overlay);
  const legend = html('div', { class: 'legend' });
  const readout = html('p', { class: 'readout note' }, REST);
  const place = html('div');
  const values = html('details', {}, html('summary', {}, 'The same as a table'), place);
  byId('surface').replaceChildren(map, legend, readout, values);
  let layout = layOut(surface, 600);
  let width = 0;

  draw = () => {
    if (width === 0) return;
    const measure = chosenMeasure();
    layout = layOut(surface, width);
    paint(canvas, layout.room, surface, measure);
    overlay.replaceChildren(drawOverlay(layout, surface, measure, asked));
    legend.replaceChildren(...drawLegend(surface, measure));
    place.replaceChildren(tabulate(surface, measure));
  };
  drawToFit(map, (fitting) => {
    width = fitting;
    draw();
  });

  map.addEventListener('pointermove', (event) => {
    const at = placeOf(event);
    readout.textContent = at ? describe(surface, at[0], at[1]) : REST;
  });
  map.addEventListener('pointerleave', () => {
    readout.textContent = REST;
  });
  map.addEventListener('click', (event) => {
    const at = placeOf(event);
    if (at) pick(String(Math.round(fromLog(at[0]))), String(Number(fromLog(at[1]).toPrecision(3))));
  });

  /**
   * The inputs, in log units, that an event points at.
   * @param {MouseEvent} event
   */
  function placeOf({ clientX, clientY }) {
    const { room, x, y } = layout;
    const box = map.getBoundingClientRect();
    const along = (clientX - box.left - room.left) / (room.right - room.left);
    const up = (room.bottom - (clientY - box.top)) / (room.bottom - room.top);
    if (Math.min(along, up) < 0 || Math.max(along, up) > 1) return undefined;
    return [x.low + along * (x.high - x.low), y.low + up * (y.high - y.low)];
  }
}

/** @returns {import('./readings.js').Measure} */
function chosenMeasure() {
  const choice = document.querySelector('input[name=measure]:checked');
  return choice?.getAttribute('value') === 'prediction' ? 'prediction' : 'ratio';
}
