import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import swagger from 'swagger-ui-dist/package.json' with { type: 'json' };
import * as z from 'zod';
import { json, type Route } from '../route.ts';
import { describeApi } from './openapi.ts';

const SWAGGER_FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};

/** It is in the path of Swagger UI's files, so that browsers may keep them. */
export const SWAGGER_VERSION = swagger.version;

/** /openapi.json, and the files of Swagger UI, which /docs shows it with. */
export function docsRoutes(others: Route[]): Route[] {
  const openapi: Route = {
    method: 'GET',
    path: '/openapi.json',
    description: { summary: 'This description', response: json(z.looseObject({})), notReady: null },
    isUnlimited: true,
    middleware: [compress(), etag()],
    handler: (context) =>
      context.body(document, 200, { 'content-type': 'application/json', 'cache-control': 'no-cache' }),
  };
  const document = JSON.stringify(describeApi([...others, openapi]));
  return [
    openapi,
    {
      method: 'GET',
      path: `/docs/${SWAGGER_VERSION}/:file`,
      isOpen: true,
      isUnlimited: true,
      middleware: [compress()],
      handler: async (context) => {
        const { file = '' } = context.req.param();
        const type = Object.hasOwn(SWAGGER_FILES, file) ? SWAGGER_FILES[file] : undefined;
        if (!type) return context.notFound();
        const path = fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`));
        return context.body(await readFile(path), 200, {
          'content-type': type,
          'cache-control': 'public, max-age=31536000, immutable',
        });
      },
    },
  ];
}
