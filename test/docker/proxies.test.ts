import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecordBatchStreamWriter, tableFromArrays, tableFromIPC } from 'apache-arrow';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { launchChromium } from '../support/chromium.ts';
import { until } from '../support/command.ts';
import { ask, type ReverseProxy, startHaproxy, startNginx } from '../support/deployed.ts';
import { makeFolder } from '../support/fixtures.ts';
import { PREDICT_PATH, startDoublingServer, startServer } from '../support/test-server.ts';
import { constantModel } from '../support/tiny-model.ts';

const ARROW = 'application/vnd.apache.arrow.stream';

let browser: Browser;

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

describe.each([
  ['nginx', startNginx],
  ['HAProxy', startHaproxy],
] as const)('behind %s at /volume/', (name, startProxy) => {
  it('loads the page and all it needs, and predicts', async () => {
    const proxy = await proxied(startProxy);
    const { page, failures } = await open(`${proxy.url}/`);
    await page.fill('[name=vol_moving_avg]', '12345');
    await page.fill('[name=adj_close_rolling_med]', '25');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#prediction');
    expect((await page.textContent('#prediction'))?.replaceAll(',', '')).toBe('24691');
    await page.waitForSelector('#surface canvas');
    expect(failures).toEqual([]);
    const links = await page.locator('nav a').evaluateAll((links) => links.map(String));
    expect(links).toEqual(['/docs', '/openapi.json', '/metrics'].map((path) => proxy.url + path));
  });

  it('loads the API page, and its Try it out button reaches the server', async () => {
    const proxy = await proxied(startProxy);
    const { page, failures, requests } = await open(`${proxy.url}/docs`);
    await page.click('.opblock-get:has-text("/predict")');
    await page.click('.try-out__btn');
    await page.fill('[placeholder=vol_moving_avg]', '12345');
    await page.fill('[placeholder=adj_close_rolling_med]', '25');
    await page.click('.execute');
    await page.waitForSelector('.live-responses-table');
    expect(requests.filter((url) => url.includes('/predict?'))).toHaveLength(1);
    expect(requests.filter((url) => !url.startsWith(`${proxy.url}/`))).toEqual([]);
    expect(failures).toEqual([]);
  });

  it('redirects to TLS and to the slash', async () => {
    const proxy = await proxied(startProxy);
    const plain = await fetch(proxy.httpUrl + PREDICT_PATH, { redirect: 'manual' });
    expect([301, 302]).toContain(plain.status);
    expect(plain.headers.get('location')).toMatch(/^https:.*\/volume\/predict\?vol_moving_avg=12345/);
    const bare = await ask(proxy.url);
    expect([301, 302]).toContain(bare.status);
    expect(bare.headers.location).toMatch(/\/volume\/$/);
    expect((await ask(proxy.url.replace('/volume', '/other'))).status).toBe(404);
  });

  it('takes a body of several megabytes', async () => {
    const { url } = await proxied(startProxy);
    const row = { vol_moving_avg: 999, adj_close_rolling_med: 25, comment: 'x'.repeat(60) };
    const body = JSON.stringify({ instances: Array.from({ length: 40_000 }, () => row) });
    expect(body.length).toBeGreaterThan(4e6);
    const answer = await ask(
      `${url}/predict`,
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      [Buffer.from(body)],
    );
    expect(answer.status).toBe(200);
    const { predictions } = JSON.parse(String(answer.body));
    expect(predictions).toHaveLength(40_000);
    expect(predictions[39_999].prediction).toBe(1_999);
  });

  // nginx stops sending a request once its answer has begun: a larger stream would hang.
  it(`streams Arrow of ${name === 'nginx' ? 'up to 8 MiB' : 'any size, both ways at once'}`, async () => {
    const { url } = await proxied(startProxy);
    const batches = name === 'nginx' ? 20 : 40;
    const rows = 25_000;
    const answer = await ask(
      `${url}/predict`,
      { method: 'POST', headers: { 'content-type': ARROW } },
      arrowBatches(batches, rows),
    );
    expect(answer.status).toBe(200);
    const predictions = tableFromIPC(answer.body).getChild('prediction');
    expect(predictions?.length).toBe(batches * rows);
    expect(predictions?.get(batches * rows - 1)).toBe(BigInt(2 * rows - 1));
  });
});

it('HAProxy sends requests only to servers that are ready by its default check', async () => {
  const store = makeFolder();
  const { port } = await startServer(store, { POLL_MS: '50' });
  const proxy = await startHaproxy(port);
  await until(() => /DOWN/.test(proxy.log()), 'HAProxy to find that the server is not ready');
  expect((await ask(proxy.url + PREDICT_PATH)).status).toBe(503);

  writeFileSync(join(store, 'next'), encodeModel(constantModel([Math.LN2, 0, 0])));
  renameSync(join(store, 'next'), join(store, 'model.bin'));
  await until(() => /is UP/.test(proxy.log()), 'HAProxy to find that the server is ready');
  expect(String((await ask(proxy.url + PREDICT_PATH)).body)).toBe('24691');
});

/** A server whose model doubles, behind a proxy. */
async function proxied(startProxy: (port: number) => Promise<ReverseProxy>): Promise<ReverseProxy> {
  const { port } = await startDoublingServer();
  return startProxy(port);
}

/** Opens a page, and collects its requests and what goes wrong. */
async function open(url: string) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const requests: string[] = [];
  const failures: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('requestfailed', (request) => failures.push(request.url()));
  page.on('response', (response) => {
    if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
  });
  page.on('pageerror', (error) => failures.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) failures.push(message.text());
  });
  await page.goto(url);
  return { page, requests, failures };
}

/** An Arrow stream of batches with vol_moving_avg from 0 on, in pieces of 64 KiB, with a pause in the middle. */
async function* arrowBatches(batches: number, rows: number): AsyncIterable<Uint8Array> {
  const table = tableFromArrays({
    vol_moving_avg: Float64Array.from({ length: rows }, (_, row) => row),
    adj_close_rolling_med: new Float64Array(rows).fill(25),
  });
  const writer = new RecordBatchStreamWriter();
  for (let i = 0; i < batches; i++) for (const batch of table.batches) writer.write(batch);
  writer.finish();
  const bytes = await writer.toUint8Array();
  const [size, middle] = [65_536, Math.floor(bytes.length / 2)];
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    if (at <= middle && middle < at + size) await sleep(200);
  }
}
