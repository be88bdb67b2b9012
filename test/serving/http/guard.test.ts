import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { createGuard } from '../../../serving/http/guard.ts';
import { SWAGGER_VERSION } from '../../../serving/routes/docs.ts';
import { createRoutes } from '../../../serving/routes/routes.ts';
import { readSettings } from '../../../serving/settings.ts';
import { PREDICT_PATH } from '../../support/test-server.ts';

const ROUTES = createRoutes({ current: undefined });

it('does not limit probes, metrics and the page, and does not count them', () => {
  const check = createGuard(readSettings({ RATE_LIMIT: '1' }), ROUTES, () => 0);
  const free = [
    ...[
      '/health/live',
      '/health/ready?x=1',
      '/v2/health/live',
      '/v2/health/ready',
      '/metrics',
      '/openapi.json',
    ],
    ...['/', '/page/main.js', '/page/icon.svg', '/docs', `/docs/${SWAGGER_VERSION}/swagger-ui.css`],
  ];
  for (const url of free) expect(check(request(url))).toBeUndefined();
  expect(check(request(PREDICT_PATH))).toBeUndefined();
  expect(check(request(PREDICT_PATH))).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  for (const url of free) expect(check(request(url))).toBeUndefined();
});

it.each([
  ...[
    PREDICT_PATH,
    '/predict',
    '/v2',
    '/v2/models/volume',
    '/v2/models/volume/infer',
    '/reports/model',
    '/nothing',
  ],
  ...['/health', '/metrics/', '/health/live/../../predict', '/health/%2e%2e/predict', '/page/../predict'],
  ...['/docs/../predict', '/page/x.js/../../predict', '/health/live#/../predict'],
])('refuses %s once the rate is used up, and accepts it a second later', (url) => {
  let now = 0;
  const check = createGuard(readSettings({ RATE_LIMIT: '1' }), ROUTES, () => now);
  expect(check(request(PREDICT_PATH))).toBeUndefined();
  now = 999;
  expect(check(request(url))).toMatchObject({ status: 429 });
  now = 1_000;
  expect(check(request(url))).toBeUndefined();
});

function request(url: string): IncomingMessage {
  const rawHeaders = ['Host', 'a'];
  return { url, method: 'GET', headers: {}, rawHeaders, socket: { remoteAddress: '::1' } } as never;
}
