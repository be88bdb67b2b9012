import { ask, askForJson, setToken, wantsToken } from './api.js';
import { showCard, showFile, showLosses, showWalkForward } from './card.js';
import { byId } from './dom.js';
import { predictFor, startForm } from './form.js';
import { observe, startLive } from './live.js';
import { hideSurface, markOnSurface, redrawSurface, showSurface } from './surface.js';

/** @typedef {import('../champion/model-report.ts').ModelReport} ModelReport */

/** How often to ask how things stand. */
const LOOK_MS = 2_000;

/**
 * The version of the model that is shown, null while there is none; undefined before anything was asked.
 * @type {string | null | undefined}
 */
let shown;
let isPaused = false;
/** Whether another model is known to have been refused. */
let isRefused = false;
/** How the model in service stands. */
let standing = '';
/** @type {Promise<void> | undefined} */
let looking;

say('Asking which model is in service …');
startForm(markOnSurface);
startLive();
startTokenForm();
startPause();
for (const choice of document.querySelectorAll('input[name=measure]'))
  choice.addEventListener('change', redrawSurface);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawSurface);
document.addEventListener('visibilitychange', lookIfSeen);
setInterval(lookIfSeen, LOOK_MS);
await lookOnce();

function lookIfSeen() {
  if (!document.hidden) lookOnce();
}

/** One look at a time: the next one begins when this one has ended. */
function lookOnce() {
  looking ??= look().finally(() => {
    looking = undefined;
  });
  return looking;
}

/** Asks for the figures, and for all of the model where another one came into service. */
async function look() {
  const answer = await ask('/metrics');
  byId('token-form').hidden = !wantsToken();
  if (!answer) return say('The server does not answer. This page goes on asking.', true);
  if (wantsToken()) return say('This server asks for a token.', true);
  if (!answer.ok) return say(`The server answers ${answer.status}. This page goes on asking.`, true);
  const text = await answer.text();
  if (!isPaused) observe(text, performance.now());
  const version = answer.headers.get('x-model-version');
  const hasFault = /^model_load_failed 1$/m.test(text);
  if (version === null || version !== shown || hasFault !== isRefused) await showModel();
  say(standing, version === null || isRefused);
}

/** Shows the model in service, or why there is none. */
async function showModel() {
  /** @type {ModelReport | undefined} */
  const report = await askForJson('/reports/model');
  if (!report) return;
  const { version, fault, card, losses, surface, provenance } = report;
  isRefused = version !== null && fault !== null;
  if (version === null) standing = `No model is in service: ${fault}. This page goes on asking.`;
  else standing = `In service: the model as of ${version}`;
  if (isRefused) standing += `. Another one was refused: ${fault}.`;
  if (version === shown) return;
  const forward = await askForJson('/reports/walk-forward');
  showWalkForward(forward?.table ?? null, forward?.plot ?? null);
  if (surface) showSurface(surface, predictFor);
  else hideSurface();
  showLosses(version, losses);
  showFile(version, provenance);
  showCard(version, card);
  shown = version;
}

/**
 * Says how things stand, once.
 * @param {string} text
 * @param {boolean} isFault
 */
function say(text, isFault = false) {
  const status = byId('status');
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle('fault', isFault);
}

function startTokenForm() {
  byId('token-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    setToken(/** @type {HTMLInputElement} */ (byId('token')).value);
    await looking;
    await lookOnce();
    if (wantsToken()) byId('token-error').textContent = 'The server does not take this token.';
    else byId('vol_moving_avg').focus();
  });
}

function startPause() {
  byId('pause').addEventListener('click', () => {
    isPaused = !isPaused;
    byId('pause').setAttribute('aria-pressed', String(isPaused));
  });
}
