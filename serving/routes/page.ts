import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import { reportModel } from '../champion/model-report.ts';
import type { ModelSource } from '../champion/model-source.ts';
import type { Service } from '../champion/service.ts';

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Everything comes from here, no script is made of text, and pictures are read as such. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The page at /, and under /reports what it shows beyond the API's answers. */
export function mountPage(app: Hono, service: Service, source: ModelSource | undefined): void {
  for (const path of ['/', '/page/*', '/reports/*']) app.use(path, compress(), etag());
  const folder = fileURLToPath(new URL('../page', import.meta.url));
  for (const file of readdirSync(folder)) {
    const type = TYPES[extname(file).slice(1) as keyof typeof TYPES];
    if (!type) continue;
    const content = readFileSync(join(folder, file), 'utf8');
    const headers = {
      'content-type': type,
      'cache-control': 'no-cache',
      'content-security-policy': POLICY,
    };
    app.get(file === 'index.html' ? '/' : `/page/${file}`, (context) => context.body(content, 200, headers));
  }
  app.get('/reports/model', async (context) => {
    context.header('cache-control', 'no-cache');
    return context.json(await reportModel(service, source));
  });
  app.get('/reports/walk-forward', async (context) => {
    context.header('cache-control', 'no-cache');
    const [table, plot] = await Promise.all([
      source?.storeReport('walk-forward.md'),
      source?.storeReport('walk-forward.svg'),
    ]);
    return context.json({ table: table ?? null, plot: plot ?? null });
  });
}
