import { expect, it } from 'vitest';
import { createApp } from '../../../serving/app.ts';
import { describeApi } from '../../../serving/routes/openapi.ts';
import { createRoutes } from '../../../serving/routes/routes.ts';
import { inService } from '../../../serving/scoring/service.ts';
import { constantModel } from '../../support/tiny-model.ts';

/** Routes for people, which can change with the page. */
const PAGES = /^\/($|page\/|reports\/|docs(\/|$))/;

const service = { current: inService(constantModel([Math.LN2, 0, 0])) };
const routes = createRoutes(service);
const app = createApp(routes, (error) => {
  throw error;
});
const document = describeApi(routes) as {
  paths: Record<string, Record<string, { security?: object[]; responses: Record<string, object> }>>;
  security: object[];
  components: { schemas: Record<string, object>; securitySchemes: object };
};

it('describes every route for programs, and no other', () => {
  const registered = app.routes
    .filter(({ method, path }) => method !== 'ALL' && !PAGES.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // Hono lists a route's middleware under its path, too.
  expect(described.sort()).toEqual([...new Set(registered)].sort());
  expect(described).toContain('POST /v2/models/{name}/versions/{version}/infer');
  expect(described).toContain('GET /health/ready');
  expect(described.length).toBe(15);
});

it('states that every route except /health can require a bearer token', () => {
  expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  expect(document.security).toEqual([{}, { bearer: [] }]);
  const open = Object.entries(document.paths).filter(([, { get }]) => get?.security?.length === 0);
  expect(open.map(([path]) => path)).toEqual(['/health/live', '/health/ready']);
});

it.each([
  '/health/live',
  '/health/ready',
  '/v2',
  '/v2/health/live',
  '/v2/health/ready',
  '/v2/models/volume',
  '/v2/models/volume/ready',
  '/v2/models/volume/versions/2020-01-01',
])('describes what GET %s answers, key by key', async (path) => {
  const body = (await (await app.request(path)).json()) as object;
  const described = path
    .replace('/models/volume', '/models/{name}')
    .replace('/versions/2020-01-01', '/versions/{version}');
  const answered = document.paths[described]?.get?.responses[200];
  const reference = /"#\/components\/schemas\/(\w+)"/.exec(JSON.stringify(answered))?.[1] ?? '';
  const schema = document.components.schemas[reference] as { required: string[] };
  expect(Object.keys(body).sort()).toEqual(schema.required.toSorted());
});

it('ignores unknown keys, and says so', async () => {
  const row = { vol_moving_avg: 999, adj_close_rolling_med: 1, unknown: true };
  const answer = await app.request('/predict', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: [row], unknown: true }),
  });
  expect(answer.status).toBe(200);
  // 2 (1 + 999) - 1
  expect(await answer.json()).toMatchObject({ predictions: [{ prediction: 1999 }] });
  expect(JSON.stringify(document)).not.toContain('additionalProperties":false');
});
