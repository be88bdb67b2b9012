import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import { reportModel } from '../champion/model-report.ts';
import type { ModelSource } from '../champion/model-source.ts';
import type { Route } from '../route.ts';
import type { Service } from '../scoring/service.ts';
import { SWAGGER_VERSION } from './docs.ts';

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Everything is loaded from this server. Images can also be data: URLs, as in Swagger UI's styles. */
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page itself makes no script or HTML from text, which Swagger UI does. */
const PAGE_POLICY = `${DOCS_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'`;

/** The page at /, that of Swagger UI at /docs, their files, and under /reports what the page shows beyond the API's answers. */
export function pageRoutes(service: Service, source: ModelSource | undefined): Route[] {
  const middleware = [compress(), etag()];
  const { 'index.html': index, 'docs.html': docs, ...files } = readPage();
  const open = { method: 'GET', isOpen: true, isUnlimited: true, middleware } as const;
  const answer = (context: Context, file: PageFile | undefined) =>
    file ? context.body(file.content, 200, file.headers) : context.notFound();
  return [
    { ...open, path: '/', handler: (context) => answer(context, index) },
    { ...open, path: '/docs', handler: (context) => answer(context, docs) },
    {
      ...open,
      path: '/page/:file',
      handler: (context) => {
        const { file: name = '' } = context.req.param();
        return answer(context, Object.hasOwn(files, name) ? files[name] : undefined);
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
        return context.json({ table: (await source?.walkForwardFile('walk-forward.md')) ?? null });
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
      'content-security-policy': name === 'docs.html' ? DOCS_POLICY : PAGE_POLICY,
    };
    const content = readFileSync(join(folder, name), 'utf8');
    files[name] = { content: content.replaceAll('SWAGGER_VERSION', SWAGGER_VERSION), headers };
  }
  return files;
}
