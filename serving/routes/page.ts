import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import { reportModel } from '../champion/model-report.ts';
import type { ModelSource } from '../champion/model-source.ts';
import type { Route } from '../route.ts';
import type { Service } from '../scoring/service.ts';

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/**
 * Everything is loaded from this server, no script is made from text, and the plot from the store
 * is shown as a blob.
 */
const CONTENT_SECURITY_POLICY = [
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

/** The page at /, its files, and under /reports what it shows beyond the API's answers. */
export function pageRoutes(service: Service, source: ModelSource | undefined): Route[] {
  const middleware = [compress(), etag()];
  const { 'index.html': index, ...files } = readPage();
  return [
    {
      method: 'GET',
      path: '/',
      isOpen: true,
      isUnlimited: true,
      middleware,
      handler: (context) => (index ? context.body(index.content, 200, index.headers) : context.notFound()),
    },
    {
      method: 'GET',
      path: '/page/:file',
      isOpen: true,
      isUnlimited: true,
      middleware,
      handler: (context) => {
        const { file: name = '' } = context.req.param();
        const file = Object.hasOwn(files, name) ? files[name] : undefined;
        return file ? context.body(file.content, 200, file.headers) : context.notFound();
      },
    },
    {
      method: 'GET',
      path: '/reports/model',
      middleware,
      handler: async (context) => {
        context.header('cache-control', 'no-cache');
        return context.json(await reportModel(service, source));
      },
    },
    {
      method: 'GET',
      path: '/reports/walk-forward',
      middleware,
      handler: async (context) => {
        context.header('cache-control', 'no-cache');
        const [table, plot] = await Promise.all([
          source?.walkForwardFile('walk-forward.md'),
          source?.walkForwardFile('walk-forward.svg'),
        ]);
        return context.json({ table: table ?? null, plot: plot ?? null });
      },
    },
  ];
}

interface PageFile {
  content: string;
  headers: Record<string, string>;
}

function readPage(): Record<string, PageFile> {
  const folder = fileURLToPath(new URL('../page', import.meta.url));
  const files: Record<string, PageFile> = {};
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name).slice(1) as keyof typeof TYPES];
    if (!type) continue;
    const headers = {
      'content-type': type,
      'cache-control': 'no-cache',
      'content-security-policy': CONTENT_SECURITY_POLICY,
    };
    files[name] = { content: readFileSync(join(folder, name), 'utf8'), headers };
  }
  return files;
}
