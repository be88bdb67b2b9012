/**
 * Sends requests to the server of this page. Only this module has the token. It is kept in this
 * tab's sessionStorage, which the page and /docs share.
 */

/** @typedef {{ ok: boolean, status: number, headers: Headers, text: string }} Answer */

const TOKEN_KEY = 'token';
const TIMEOUT_MS = 10_000;

let token = storedToken();
let isTokenNeeded = false;

/** Whether the last response was a 401. */
export function needsToken() {
  return isTokenNeeded;
}

export function hasToken() {
  return token !== '';
}

/** @returns {Record<string, string>} */
export function authorization() {
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** @param {string} text */
export function setToken(text) {
  token = text;
  try {
    sessionStorage.setItem(TOKEN_KEY, text);
  } catch {
    // The browser has no storage for this page: the token is kept in memory.
  }
}

/**
 * The server's whole response; undefined if there is none within TIMEOUT_MS.
 * @param {string} path relative to the page, so that it works behind a proxy's prefix
 * @returns {Promise<Answer | undefined>}
 */
export async function request(path) {
  try {
    const response = await fetch(path, {
      headers: authorization(),
      cache: 'no-cache',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { ok, status, headers } = response;
    const text = await response.text();
    isTokenNeeded = status === 401;
    return { ok, status, headers, text };
  } catch {
    return undefined;
  }
}

/**
 * The JSON of a successful response; undefined otherwise.
 * @param {string} path
 */
export async function requestJson(path) {
  const answer = await request(path);
  return answer?.ok ? parseJson(answer.text) : undefined;
}

/**
 * undefined if the text is not JSON, such as an error page of a proxy.
 * @param {string} text
 */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function storedToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? '';
  } catch {
    return '';
  }
}
