import { parseJson, request } from './api.js';
import { copyLines } from './copy-lines.js';
import { byId, drawToFit, html } from './dom.js';
import { drawInterval } from './interval-chart.js';
import { digits, whole } from './number-format.js';

/**
 * @typedef {{ prediction: number, p10: number, p50: number, p90: number, in_domain: boolean,
 *   model_version: string }} Answer
 */

/** The inputs have these names and ids. */
const FIELDS = ['vol_moving_avg', 'adj_close_rolling_med'];

/** Only the answer to the last request is shown. */
let lastRequest = 0;
/** Whether the last prediction failed for a reason that may be over at the next try. */
let canRetry = false;
/** @type {(volMovingAvg: number, adjCloseRollingMed: number) => void} */
let onPredicted = () => {};

/**
 * Makes the form predict without leaving the page.
 * @param {(volMovingAvg: number, adjCloseRollingMed: number) => void} callback receives the
 *   inputs of each prediction
 */
export function startForm(callback) {
  onPredicted = callback;
  byId('predict-form').addEventListener('submit', (event) => {
    event.preventDefault();
    predict();
  });
}

/**
 * @param {string} volMovingAvg
 * @param {string} adjCloseRollingMed
 */
export function predictFor(volMovingAvg, adjCloseRollingMed) {
  input('vol_moving_avg').value = volMovingAvg;
  input('adj_close_rolling_med').value = adjCloseRollingMed;
  predict();
}

/** Predicts again if the last prediction failed because of the server. */
export function retryPrediction() {
  if (canRetry) predict();
}

async function predict() {
  const query = new URLSearchParams(FIELDS.map((id) => [id, input(id).value.trim()]));
  const volMovingAvg = Number(query.get('vol_moving_avg'));
  for (const id of FIELDS) setFieldError(id, '');
  const serial = ++lastRequest;
  const answer = await request(`predict?${query}&detail=1`);
  if (serial !== lastRequest) return;
  const body = parseJson(answer?.text ?? '');
  canRetry = !(body && (answer?.ok || answer?.status === 400));
  if (!answer) return showProblem({ detail: 'The server does not respond. Retrying …' });
  if (!body) return showProblem({ detail: `The server responded with status ${answer.status}. Retrying …` });
  if (!answer.ok) return showProblem(body);
  showAnswer(body, volMovingAvg);
  showInterval(body, volMovingAvg, `predict?${query}`);
  onPredicted(volMovingAvg, Number(query.get('adj_close_rolling_med')));
}

/** @param {{ detail: string, errors?: { parameter?: string, detail: string }[] }} problem */
function showProblem({ detail, errors = [] }) {
  const wrong = FIELDS.filter((id) => {
    const error = errors.find(({ parameter }) => parameter === id);
    if (error) setFieldError(id, error.detail);
    return error;
  });
  const text = wrong.length > 0 ? 'No prediction. Correct the marked field.' : detail;
  byId('result').replaceChildren(html('p', { class: 'problem' }, text));
  byId('interval').replaceChildren();
  if (wrong[0]) input(wrong[0]).focus();
}

/**
 * @param {Answer} answer
 * @param {number} volMovingAvg
 */
function showAnswer({ prediction, p10, p50, p90, in_domain }, volMovingAvg) {
  const ratio = volMovingAvg > 0 ? `${digits(prediction / volMovingAvg)} × vol_moving_avg. ` : '';
  byId('result').replaceChildren(
    html('p', { class: 'answer' }, html('output', { id: 'prediction' }, whole(prediction)), ' shares'),
    html(
      'p',
      {},
      in_domain ? `${ratio}On half of such days the volume is below p50, ` : `${ratio}p50 is `,
      html('b', { id: 'p50' }, whole(p50)),
      in_domain
        ? ' shares, and on 8 of 10 it is between p10 and p90, '
        : ' shares. The interval is widened, without a known probability: p10 and p90 are ',
      html('b', { id: 'p10' }, whole(p10)),
      ' and ',
      html('b', { id: 'p90' }, whole(p90)),
      ' shares.',
    ),
    html(
      'p',
      { id: 'domain', class: in_domain ? 'inside' : 'outside' },
      in_domain
        ? 'Inside the training domain: the model was trained on rows like this.'
        : 'Outside the training domain: the model was trained on too few rows like this, or none.',
    ),
  );
}

/**
 * @param {Answer} answer
 * @param {number} volMovingAvg
 * @param {string} path
 */
function showInterval({ prediction, p10, p50, p90, model_version }, volMovingAvg, path) {
  const chart = html('div', {});
  byId('interval').replaceChildren(
    chart,
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key point-key' }, 'prediction'),
      html('li', { class: 'key band-key' }, 'p10 to p90'),
      html('li', { class: 'key p50-key' }, 'p50'),
      html('li', { class: 'key feature-key' }, 'vol_moving_avg'),
    ),
    html('p', { class: 'note' }, `Answered by the model as of ${model_version}.`),
    copyLines(path),
  );
  drawToFit(chart, (width) =>
    chart.replaceChildren(drawInterval({ prediction, p10, p50, p90, volMovingAvg }, width)),
  );
}

/**
 * @param {string} id
 * @param {string} text what is wrong with the field; empty if nothing
 */
function setFieldError(id, text) {
  byId(`${id}-error`).textContent = text;
  if (text) input(id).setAttribute('aria-invalid', 'true');
  else input(id).removeAttribute('aria-invalid');
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}
