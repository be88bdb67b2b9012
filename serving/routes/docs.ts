import { readFile } from 'node:fs/promises';
import type { Hono } from 'hono';
import { describeApi } from './openapi.ts';

const TYPES = { 'swagger-ui.css': 'text/css', 'swagger-ui-bundle.js': 'text/javascript' };

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trading volume: the API</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<main id="swagger-ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', validatorUrl: null });\n`;

/** /openapi.json, and a page that shows it; nothing comes from elsewhere. */
export function mountDocs(app: Hono): void {
  const description = JSON.stringify(describeApi());
  app.get('/openapi.json', (context) =>
    context.body(description, 200, { 'content-type': 'application/json' }),
  );
  app.get('/docs', (context) => context.html(PAGE));
  app.get('/docs/start.js', (context) => context.body(START, 200, { 'content-type': 'text/javascript' }));
  for (const [file, type] of Object.entries(TYPES)) {
    const url = new URL(import.meta.resolve(`swagger-ui-dist/${file}`));
    app.get(`/docs/${file}`, async (context) =>
      context.body(await readFile(url), 200, { 'content-type': type }),
    );
  }
}
