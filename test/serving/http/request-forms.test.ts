import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../support/fixtures.ts';
import { PREDICT_PATH, sendRaw, startDoublingServer, startServer } from '../../support/test-server.ts';

const PATHS = [PREDICT_PATH, `${PREDICT_PATH}&detail=1`, '/health/ready', '/metrics', '/'];

describe('a request of HTTP/1.0 without Host, as load balancers send it', () => {
  it.each(PATHS)('GET %s is answered', async (path) => {
    const { port } = await startDoublingServer();
    expect(await sendRaw(port, `GET ${path} HTTP/1.0\r\n\r\n`, false)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is refused with HTTP/1.1', async () => {
    const { port } = await startDoublingServer();
    const answer = await sendRaw(port, 'GET /health/ready HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

it.each([
  PREDICT_PATH,
  `${PREDICT_PATH}&detail=1`,
  '/health/ready',
  '/v2/health/ready',
  '/v2/models/volume/ready',
])('GET %s says without a model when to try again', async (path) => {
  const { url } = await startServer(makeFolder());
  const answer = await fetch(url + path);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('2');
});

describe('a URL in absolute form (RFC 9112, 3.2.2)', () => {
  it.each(PATHS)('leads to its path %s', async (path) => {
    const { port } = await startDoublingServer();
    for (const origin of ['http://example.com', 'https://example.com:8443', 'HTTP://[::1]:80'])
      expect(await get(port, origin + path, 'another.example')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('may have no path', async () => {
    const { port } = await startDoublingServer();
    expect(await get(port, 'http://example.com')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get(port, 'http://example.com?a=b')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each([
    'http://',
    'http:///predict',
    'http://user@example.com/',
    'http://example.com:port/',
    'http://a b/',
    'ftp://example.com/',
    'example.com:80',
    '//example.com/metrics',
  ])('is refused if it is %s', async (url) => {
    const { port } = await startDoublingServer();
    expect(await get(port, url)).toMatch(/^HTTP\/1\.1 40[04] /);
  });

  it('needs the token where its path does', async () => {
    const { port } = await startDoublingServer({ TOKEN: 'secret' });
    expect(await get(port, 'http://a/')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get(port, 'http://a/health/live')).toMatch(/^HTTP\/1\.1 200 /);
    for (const url of [
      'http://a/metrics',
      `http://a${PREDICT_PATH}`,
      'http://a/health/live/../../metrics',
      'http://a/health/live#/../metrics',
      'http://a//metrics',
      'http://a?/../metrics#',
    ])
      expect(await get(port, url), url).not.toMatch(/http_server|24691/);
    expect(await get(port, 'http://a/metrics')).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('is counted under its path', async () => {
    const { port, url } = await startDoublingServer();
    await get(port, `http://a${PREDICT_PATH}`);
    await get(port, `http://a${PREDICT_PATH}&detail=1`);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /^http_server_request_duration_seconds_count\{http_request_method="GET",http_route="\/predict",http_response_status_code="200"\} 2$/m,
    );
  });
});

function get(port: number, target: string, host = 'a'): Promise<string> {
  return sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, false);
}
