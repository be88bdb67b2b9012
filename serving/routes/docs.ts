import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { json, type Route } from '../route.ts';
import { describeApi } from './openapi.ts';

const START = 'start.js';
const SWAGGER_FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trading volume: the API</title>
<link rel="icon" href="page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="docs/swagger-ui.css">
<main id="swagger-ui"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/${START}"></script>
</html>
`;

const START_SCRIPT = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', validatorUrl: null });\n`;

/** /openapi.json, and a page that shows it. The page loads nothing from other servers. */
export function docsRoutes(others: Route[]): Route[] {
  const openapi: Route = {
    method: 'GET',
    path: '/openapi.json',
    description: { summary: 'This description', response: json(z.looseObject({})), notReady: null },
    isUnlimited: true,
    handler: (context) => context.body(document, 200, { 'content-type': 'application/json' }),
  };
  const document = JSON.stringify(describeApi([...others, openapi]));
  return [
    openapi,
    { method: 'GET', path: '/docs', isUnlimited: true, handler: (context) => context.html(PAGE) },
    {
      method: 'GET',
      path: '/docs/:file',
      isUnlimited: true,
      handler: async (context) => {
        const { file = '' } = context.req.param();
        if (file === START) return context.body(START_SCRIPT, 200, { 'content-type': 'text/javascript' });
        if (!Object.hasOwn(SWAGGER_FILES, file)) return context.notFound();
        const path = fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`));
        return context.body(await readFile(path), 200, { 'content-type': SWAGGER_FILES[file] as string });
      },
    },
  ];
}
