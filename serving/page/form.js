import { ask } from './api.js';
import { byId, html, svg } from './dom.js';
import { digits, short, signedLog, whole } from './numbers.js';

/** @typedef {{ prediction: number, p10: number, p50: number, p90: number, in_domain: boolean, model_version: string }} Answer */

const FIELDS = ['average', 'median'];

/** @type {(average: number, median: number) => void} */
let announce = () => {};

/**
 * Makes the form ask without leaving the page.
 * @param {(average: number, median: number) => void} onAnswer is told which inputs were answered
 */
export function startForm(onAnswer) {
  announce = onAnswer;
  byId('predict-form').addEventListener('submit', (event) => {
    event.preventDefault();
    predict();
  });
}

/**
 * Puts inputs into the form and asks.
 * @param {string} average
 * @param {string} median
 */
export function predictFor(average, median) {
  input('average').value = average;
  input('median').value = median;
  predict();
}

async function predict() {
  const query = new URLSearchParams(FIELDS.map((id) => [input(id).name, input(id).value.trim()]));
  for (const id of FIELDS) setFault(id, '');
  const answer = await ask(`/predict?${query}&detail=1`);
  if (!answer) return showProblem({ detail: 'The server does not answer.' });
  const body = await answer.json();
  if (!answer.ok) return showProblem(body);
  show(body, `/predict?${query}`);
  announce(Number(query.get('vol_moving_avg')), Number(query.get('adj_close_rolling_med')));
}

/** @param {{ detail: string, errors?: { parameter?: string, detail: string }[] }} problem */
function showProblem({ detail, errors = [] }) {
  const wrong = FIELDS.filter((id) => {
    const fault = errors.find(({ parameter }) => parameter === input(id).name);
    if (fault) setFault(id, fault.detail);
    return fault;
  });
  byId('result').replaceChildren(
    html('p', { class: 'problem' }, wrong.length > 0 ? 'No prediction: see the field in red.' : detail),
  );
  if (wrong[0]) input(wrong[0]).focus();
}

/**
 * @param {Answer} answer
 * @param {string} url
 */
function show({ prediction, p10, p50, p90, in_domain, model_version }, url) {
  const average = Number(input('average').value);
  const ratio = average > 0 ? `${digits(prediction / average)} × the mean volume. ` : '';
  byId('result').replaceChildren(
    html('p', { class: 'answer' }, html('output', { id: 'prediction' }, whole(prediction)), ' shares'),
    html(
      'p',
      {},
      `${ratio}Eight of ten such days have from `,
      html('b', { id: 'p10' }, whole(p10)),
      ' to ',
      html('b', { id: 'p90' }, whole(p90)),
      ' shares.',
    ),
    drawInterval({ prediction, p10, p50, p90, average }),
    html(
      'p',
      { id: 'domain', class: in_domain ? 'inside' : 'outside' },
      in_domain
        ? 'In the training domain: training saw rows like these.'
        : 'Outside the training domain: training saw no rows like these, or too few, so take it with care.',
    ),
    html(
      'p',
      { class: 'note' },
      html('a', { href: url }, html('code', {}, `GET ${url}`)),
      ` by the model as of ${model_version}`,
    ),
  );
}

/**
 * The interval as a bar over a logarithmic scale.
 * @param {{ prediction: number, p10: number, p50: number, p90: number, average: number }} values
 */
function drawInterval({ prediction, p10, p50, p90, average }) {
  const [width, height, top] = [400, 74, 30];
  const values = [prediction, p10, p50, p90, average].map(signedLog);
  const pad = Math.max(0.25, (Math.max(...values) - Math.min(...values)) * 0.12);
  const [low, high] = [Math.max(0, Math.min(...values) - pad), Math.max(...values) + pad];
  const x = (/** @type {number} */ value) => 8 + ((signedLog(value) - low) / (high - low)) * (width - 16);
  const name = (/** @type {number} */ value, /** @type {string} */ text, /** @type {string} */ anchor) =>
    svg('text', { x: x(value), y: height - 8, 'text-anchor': anchor }, text);
  const isTight = x(p90) - x(p10) < 130;
  return svg(
    'svg',
    {
      class: 'interval',
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `On a logarithmic scale: p10 ${short(p10)}, p50 ${short(p50)}, prediction ${short(prediction)}, p90 ${short(p90)}, mean volume ${short(average)}`,
    },
    svg('line', { class: 'base', x1: 0, x2: width, y1: top + 6, y2: top + 6 }),
    svg('rect', { class: 'band', x: x(p10), y: top, width: Math.max(2, x(p90) - x(p10)), height: 12, rx: 3 }),
    svg('line', { class: 'middle', x1: x(p50), x2: x(p50), y1: top, y2: top + 12 }),
    svg('path', { class: 'mean', d: `M${x(average)} ${top - 1}l-5 -9h10z` }),
    svg(
      'text',
      { x: Math.min(Math.max(x(average), 40), width - 40), y: top - 15, 'text-anchor': 'middle' },
      `mean ${short(average)}`,
    ),
    svg('circle', { class: 'point', cx: x(prediction), cy: top + 6, r: 6 }),
    name(p10, `p10 ${short(p10)}`, isTight ? 'end' : 'middle'),
    name(p90, `p90 ${short(p90)}`, isTight ? 'start' : 'middle'),
  );
}

/**
 * @param {string} id
 * @param {string} text what is wrong with the field; nothing if empty
 */
function setFault(id, text) {
  byId(`${id}-error`).textContent = text;
  if (text) input(id).setAttribute('aria-invalid', 'true');
  else input(id).removeAttribute('aria-invalid');
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}
