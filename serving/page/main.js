import { hasToken, needsToken, request, requestJson, setToken } from './api.js';
import { byId } from './dom.js';
import { predictFor, retryPrediction, startForm } from './form.js';
import { addSample, startLiveMetrics } from './live-metrics.js';
import { showCard, showLosses, showModelFile, showWalkForward } from './model-panels.js';
import { showScores } from './score-charts.js';
import { hideSurface, markOnSurface, redrawSurface, showSurface } from './surface-panel.js';

/** @typedef {import('../champion/model-report.ts').ModelReport} ModelReport */

const POLL_MS = 2_000;

/**
 * The version of the model on the page; null if it says that there is none, undefined at first.
 * @type {string | null | undefined}
 */
let shownVersion;
let isPaused = false;
/** Whether the page says that a newer model was refused. */
let isRefused = false;
/** Which model is in service, in words. */
let serviceText = '';
/** @type {Promise<void> | undefined} */
let polling;

setStatus('Looking up the model in service …');
startForm(markOnSurface);
startLiveMetrics();
startTokenForm();
startTokenLinks();
startPause();
for (const choice of document.querySelectorAll('input[name=measure]'))
  choice.addEventListener('change', redrawSurface);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawSurface);
document.addEventListener('visibilitychange', pollIfVisible);
setInterval(pollIfVisible, POLL_MS);
await poll();

function pollIfVisible() {
  if (!document.hidden) poll();
}

/** Joins the poll that is under way, if there is one. */
function poll() {
  polling ??= update().finally(() => {
    polling = undefined;
  });
  return polling;
}

/** Shows the current metrics, and the model if it has changed. */
async function update() {
  const answer = await request('metrics');
  byId('token-form').hidden = !needsToken();
  if (!answer) return setStatus('The server does not respond. Retrying …', true);
  if (needsToken()) return setStatus('This server requires a token.', true);
  if (!answer.ok) return setStatus(`The server responded with status ${answer.status}. Retrying …`, true);
  byId('token-error').textContent = '';
  // /docs sends here for the token.
  if (location.hash === '#docs') return location.replace('docs');
  if (!isPaused) addSample(answer.text, performance.now());
  const version = answer.headers.get('x-model-version');
  const hasFault = /^model_load_failed 1$/m.test(answer.text);
  const isShown = version !== null && version === shownVersion && hasFault === isRefused;
  if (!isShown && !(await showModel()))
    return setStatus('The server does not send its reports of the model. Retrying …', true);
  setStatus(serviceText, version === null || isRefused);
  if (version !== null) retryPrediction();
}

/**
 * Shows the model in service, or why there is none.
 * @returns {Promise<boolean>} false if the server did not send what there is to show
 */
async function showModel() {
  /** @type {ModelReport | undefined} */
  const report = await requestJson('reports/model');
  if (!report) return false;
  const { version, fault, card, losses, scores, surface, provenance } = report;
  isRefused = version !== null && fault !== null;
  if (version === null) serviceText = `No model is in service: ${fault}. Retrying …`;
  else serviceText = `In service: the model as of ${version}.`;
  if (isRefused) serviceText += ` A newer model was refused: ${fault}.`;
  if (version === shownVersion) return true;
  const walkForward = await requestJson('reports/walk-forward');
  if (!walkForward) return false;
  showWalkForward(walkForward.table);
  if (surface) showSurface(surface, predictFor);
  else hideSurface();
  showLosses(version, losses);
  showScores(version, scores);
  showModelFile(version, provenance);
  showCard(version, card);
  shownVersion = version;
  return true;
}

/**
 * Leaves an unchanged text alone, so that a screen reader reads it once.
 * @param {string} text
 * @param {boolean} isFault
 */
function setStatus(text, isFault = false) {
  const status = byId('status');
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle('fault', isFault);
}

function startTokenForm() {
  byId('token-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    setToken(/** @type {HTMLInputElement} */ (byId('token')).value);
    await polling;
    await poll();
    if (needsToken()) byId('token-error').textContent = 'The server did not accept this token.';
    else byId('vol_moving_avg').focus();
  });
}

/** A link cannot send the token: with one, the page fetches what the link leads to, and shows it. */
function startTokenLinks() {
  for (const link of document.querySelectorAll('a.with-token'))
    link.addEventListener('click', async (event) => {
      if (!hasToken()) return;
      event.preventDefault();
      const answer = await request(link.getAttribute('href') ?? '');
      if (!answer?.ok) return;
      const type = answer.headers.get('content-type') ?? 'text/plain';
      location.assign(URL.createObjectURL(new Blob([answer.text], { type })));
    });
}

function startPause() {
  byId('pause').addEventListener('click', () => {
    isPaused = !isPaused;
    byId('pause').setAttribute('aria-pressed', String(isPaused));
  });
}
