import { ask } from './api.js';
import { byId, drawToFit, html } from './dom.js';
import { drawInterval } from './interval.js';
import { digits, whole } from './numbers.js';

/** @typedef {{ prediction: number, p10: number, p50: number, p90: number, in_domain: boolean, model_version: string }} Answer */

const FIELDS = ['vol_moving_avg', 'adj_close_rolling_med'];

/** How many questions were asked: only the last one's answer is shown. */
let asked = 0;
/** @type {(volMovingAvg: number, adjCloseRollingMed: number) => void} */
let announce = () => {};

/**
 * Makes the form ask without leaving the page.
 * @param {(volMovingAvg: number, adjCloseRollingMed: number) => void} onAnswer is told which inputs were answered
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
 * @param {string} volMovingAvg
 * @param {string} adjCloseRollingMed
 */
export function predictFor(volMovingAvg, adjCloseRollingMed) {
  input('vol_moving_avg').value = volMovingAvg;
  input('adj_close_rolling_med').value = adjCloseRollingMed;
  predict();
}

async function predict() {
  const query = new URLSearchParams(FIELDS.map((id) => [input(id).name, input(id).value.trim()]));
  for (const id of FIELDS) setFault(id, '');
  const serial = ++asked;
  const answer = await ask(`/predict?${query}&detail=1`);
  const body = await answer?.json();
  if (serial !== asked) return;
  if (!answer) return showProblem({ detail: 'The server does not answer.' });
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
  const text = wrong.length > 0 ? 'No prediction: the field says why.' : detail;
  byId('result').replaceChildren(html('p', { class: 'problem' }, text));
  byId('interval').replaceChildren();
  if (wrong[0]) input(wrong[0]).focus();
}

/**
 * @param {Answer} answer
 * @param {string} url
 */
function show({ prediction, p10, p50, p90, in_domain, model_version }, url) {
  const volMovingAvg = Number(input('vol_moving_avg').value);
  const ratio = volMovingAvg > 0 ? `${digits(prediction / volMovingAvg)} × the mean volume. ` : '';
  byId('result').replaceChildren(
    html('p', { class: 'answer' }, html('output', { id: 'prediction' }, whole(prediction)), ' shares'),
    html(
      'p',
      {},
      `${ratio}On eight of ten such days the volume is from `,
      html('b', { id: 'p10' }, whole(p10)),
      ' to ',
      html('b', { id: 'p90' }, whole(p90)),
      ' shares.',
    ),
    html(
      'p',
      { id: 'domain', class: in_domain ? 'inside' : 'outside' },
      in_domain
        ? 'In the training domain: training saw rows like these.'
        : 'Outside the training domain: training saw too few rows like these, or none.',
    ),
  );
  const chart = html('div', {});
  byId('interval').replaceChildren(
    chart,
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key point-key' }, 'prediction'),
      html('li', { class: 'key band-key' }, 'p10 to p90'),
      html('li', { class: 'key middle-key' }, 'p50'),
      html('li', { class: 'key mean-key' }, 'mean volume'),
    ),
    html(
      'p',
      { class: 'note' },
      html('a', { href: url }, html('code', {}, `GET ${url}`)),
      html('br'),
      `answered by the model as of ${model_version}`,
    ),
  );
  drawToFit(chart, (width) =>
    chart.replaceChildren(drawInterval({ prediction, p10, p50, p90, volMovingAvg }, width)),
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
