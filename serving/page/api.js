/** Sends requests to the server of this page. Only this module has the token, in memory. */

let token = '';
let isTokenNeeded = false;

/** Whether the last response was a 401. */
export function needsToken() {
  return isTokenNeeded;
}

/** @param {string} text */
export function setToken(text) {
  token = text;
}

/**
 * The server's response; undefined if there is none.
 * @param {string} path
 * @returns {Promise<Response | undefined>}
 */
export async function request(path) {
  /** @type {Record<string, string>} */
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers, cache: 'no-cache' }).catch(() => undefined);
  if (response) isTokenNeeded = response.status === 401;
  return response;
}

/**
 * The JSON of a successful response; undefined otherwise.
 * @param {string} path
 */
export async function requestJson(path) {
  const response = await request(path);
  return response?.ok ? response.json() : undefined;
}
