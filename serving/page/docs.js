/** Starts Swagger UI on /docs, with the token of the page and in the reader's colour scheme. */

import { authorization, needsToken, requestJson } from './api.js';
import { byId } from './dom.js';

const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', followColourScheme);
followColourScheme();

const description = await requestJson('openapi.json');
if (description) {
  // Behind a proxy's prefix the paths are below it.
  description.servers = [{ url: new URL('.', document.baseURI).href.replace(/\/$/, '') }];
  // @ts-expect-error swagger-ui-bundle.js defines it, and has no types.
  SwaggerUIBundle({
    spec: description,
    dom_id: '#swagger-ui',
    validatorUrl: null,
    /** @param {{ headers: Record<string, string> }} request */
    requestInterceptor: (request) => {
      // What the reader gave under Authorize counts more.
      if (!request.headers.Authorization) Object.assign(request.headers, authorization());
      return request;
    },
  });
} else if (needsToken()) location.replace('./#docs');
else byId('swagger-ui').textContent = 'The server does not send /openapi.json. Reload the page to try again.';

function followColourScheme() {
  document.documentElement.classList.toggle('dark-mode', dark.matches);
}
