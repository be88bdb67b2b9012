import { hasToken } from './api.js';
import { html } from './dom.js';

/**
 * A curl line and a Python line for the same prediction. With a token they take it from the
 * environment.
 * @param {string} path with its query, relative to the page
 */
export function copyLines(path) {
  const url = new URL(path, document.baseURI).href;
  const [curl, python] = hasToken()
    ? [
        `curl -H "Authorization: Bearer $TOKEN" '${url}'`,
        `import os, urllib.request as http; print(http.urlopen(http.Request('${url}', headers={'Authorization': 'Bearer ' + os.environ['TOKEN']})).read().decode())`,
      ]
    : [`curl '${url}'`, `import urllib.request as http; print(http.urlopen('${url}').read().decode())`];
  return html('div', { class: 'copy' }, ...line('curl', curl), ...line('Python', python));
}

/**
 * @param {string} name
 * @param {string} text
 */
function line(name, text) {
  const code = html('code', {}, text);
  const button = html(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': `Copy the ${name} line` },
    'Copy',
  );
  button.addEventListener('click', async () => {
    getSelection()?.selectAllChildren(code);
    // There is no clipboard on a page that came by http from another machine.
    const isCopied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    button.textContent = isCopied ? 'Copied' : 'Selected';
  });
  return [code, button];
}
