/** Asks the server that this page came from. A token is held here and nowhere else. */

let token = '';
let isWanted = false;

/** Whether the last answer asked for a token, or for another one. */
export function wantsToken() {
  return isWanted;
}

/** @param {string} text */
export function setToken(text) {
  token = text;
}

/**
 * The server's answer; undefined where it gives none.
 * @param {string} path
 * @returns {Promise<Response | undefined>}
 */
export async function ask(path) {
  /** @type {Record<string, string>} */
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: 'no-cache' }).catch(() => undefined);
  if (answer) isWanted = answer.status === 401;
  return answer;
}

/**
 * The JSON of an answer; undefined where there is none, or no success.
 * @param {string} path
 */
export async function askForJson(path) {
  const answer = await ask(path);
  return answer?.ok ? answer.json() : undefined;
}
