import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../../model/model-file.ts';
import {
  drawWalkForward,
  formatWalkForward,
  type MonthScores,
} from '../../../tasks/walk-forward/walk-forward-table.ts';
import { launchChromium } from '../../support/chromium.ts';
import { until } from '../../support/command.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { startServer } from '../../support/test-server.ts';
import { constantModel } from '../../support/tiny-model.ts';

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

describe('over a store with a trained model', () => {
  it('predicts the integer of GET /predict, by keyboard alone', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await waitForSurface(page);
    await typeInto(page, 'vol_moving_avg', '45678.5');
    await typeInto(page, 'adj_close_rolling_med', '7.25');
    await page.keyboard.press('Enter');
    const integer = await (
      await fetch(`${url}/predict?vol_moving_avg=45678.5&adj_close_rolling_med=7.25`)
    ).text();
    await page.waitForSelector('#prediction');
    expect(await digitsOf(page, '#prediction')).toBe(integer);
    const detail = await detailOf(url, '45678.5', '7.25');
    expect(await digitsOf(page, '#p10')).toBe(String(Math.round(detail.p10)));
    expect(await digitsOf(page, '#p90')).toBe(String(Math.round(detail.p90)));
    expect(detail.in_domain).toBe(true);
    expect(await page.textContent('#domain')).toMatch(/^Inside the training domain/);
  });

  it('says when the inputs are outside the training domain', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await predict(page, '1e12', '25');
    expect((await detailOf(url, '1e12', '25')).in_domain).toBe(false);
    expect(await page.textContent('#domain')).toMatch(/^Outside the training domain/);
  });

  it('predicts for the point that is clicked on the map', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await waitForSurface(page);
    await page.click('.map');
    await page.waitForSelector('#prediction');
    const [volMovingAvg, adjCloseRollingMed] = await Promise.all(
      ['#vol_moving_avg', '#adj_close_rolling_med'].map((id) => page.inputValue(id)),
    );
    expect(volMovingAvg).not.toBe('12345');
    const request = `${url}/predict?vol_moving_avg=${volMovingAvg}&adj_close_rolling_med=${adjCloseRollingMed}`;
    expect(await digitsOf(page, '#prediction')).toBe(await (await fetch(request)).text());
  });

  it('shows the error of the server at the field, and removes it after a correction', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await waitForSurface(page);
    for (const [volMovingAvg, adjCloseRollingMed, wrong] of [
      ['1,5', '25', 'vol_moving_avg'],
      ['12345', '', 'adj_close_rolling_med'],
    ] as const) {
      await page.fill('#vol_moving_avg', volMovingAvg);
      await page.fill('#adj_close_rolling_med', adjCloseRollingMed);
      await page.keyboard.press('Enter');
      await page.waitForSelector(`#${wrong}[aria-invalid=true]:focus`);
      const query = new URLSearchParams({
        vol_moving_avg: volMovingAvg,
        adj_close_rolling_med: adjCloseRollingMed,
      });
      const { detail } = (await (await fetch(`${url}/predict?${query}`)).json()) as { detail: string };
      expect(await page.textContent(`#${wrong}-error`)).toBe(detail);
      expect(await page.getAttribute(`#${wrong}`, 'aria-describedby')).toContain(`${wrong}-error`);
      expect(await page.locator('#prediction').count()).toBe(0);
    }
    await predict(page, '12345', '25');
    expect(await page.locator('[aria-invalid]').count()).toBe(0);
  });

  it('sends requests only to its own server, keeps its content security policy, and logs no error', async () => {
    const { url } = await startServer(trainedStore());
    const { page, requests, errors } = await open(url);
    await predict(page, '12345', '25');
    await page.click('input[value=prediction]');
    await page.waitForSelector('.plot');
    await until(() => requests.filter((one) => one.endsWith('/metrics')).length > 1, 'a second poll');
    for (const request of requests) expect(request).toMatch(new RegExp(`^(blob:)?${url}/`));
    expect(requests.length).toBeGreaterThan(15);
    expect(errors).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'passes the accessibility checks of axe in the %s colour scheme',
    async (colorScheme) => {
      const { url } = await startServer(trainedStore());
      for (const options of [{ colorScheme }, { ...PHONE, colorScheme }]) {
        const { page } = await open(url, options);
        await predict(page, '12345', '25');
        await page.waitForSelector('.plot');
        for (const summary of await page.locator('summary').all()) await summary.click();
        expect(await violationsOf(page)).toEqual([]);
        await page.fill('#vol_moving_avg', 'many');
        await page.click('#predict-form button');
        await page.waitForSelector('[aria-invalid]');
        expect(await violationsOf(page)).toEqual([]);
      }
    },
  );

  it('gives every control a name', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await predict(page, '12345', '25');
    const tree = await page.locator('body').ariaSnapshot();
    for (const name of [
      'textbox "vol_moving_avg"',
      'textbox "adj_close_rolling_med"',
      'button "Predict"',
      'button "Pause"',
      'radio "prediction ÷ vol_moving_avg"',
      'radio "prediction"',
      'link "Metrics"',
    ])
      expect(tree).toContain(name);
    expect(tree).not.toMatch(/- (textbox|button|radio|link|img|region)$/m);
  });

  it('fits a phone 360 pixels wide', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url, PHONE);
    await predict(page, '9007199254740991', '-25');
    await page.waitForSelector('.plot');
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('updates the live metrics until it is paused', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await waitForSurface(page);
    expect(await page.textContent('#predictions')).toBe('0');
    const request = `${url}/predict?vol_moving_avg=1&adj_close_rolling_med=1`;
    for (let i = 0; i < 30; i++) await fetch(request);
    await hasText(page, '#predictions', /^30$/);
    expect(Number(await page.textContent('#request-rate'))).toBeGreaterThan(0);
    expect(await page.textContent('#median-latency')).toMatch(/\d (µs|ms)$/);
    expect(await page.textContent('#routes')).toContain('GET /predict');
    await page.focus('#routes .scroll');
    for (let i = 0; i < 30; i++) await fetch(request);
    await hasText(page, '#predictions', /^60$/);
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe(
      'Requests by route',
    );
    await page.click('#pause');
    expect(await page.getAttribute('#pause', 'aria-pressed')).toBe('true');
    const polls = page.waitForResponse(/metrics/).then(() => page.waitForResponse(/metrics/));
    await fetch(request);
    await polls;
    expect(await page.textContent('#predictions')).toBe('60');
  });
});

it('starts without a model, then shows one when it is promoted, and the next, without a reload', async () => {
  const store = makeFolder();
  const { url } = await startServer(store, { POLL_MS: '20' });
  const { page } = await open(url);
  await page.waitForSelector('#status.fault');
  expect(await page.textContent('#status')).toContain('no model was promoted yet');
  expect(await page.textContent('#surface')).toContain('No model is in service yet');
  expect(await page.textContent('#card')).toContain('No model is in service yet');
  await page.click('#predict-form button');
  await page.waitForSelector('.problem');
  expect(await page.textContent('#result')).toContain('no model is in service yet');
  expect(await violationsOf(page)).toEqual([]);

  promote(store, [Math.LN2, 0, 0], '2020-01-01');
  await waitForSurface(page);
  expect(await page.textContent('#status')).toContain('2020-01-01');
  await predict(page, '12345', '25');
  expect(await digitsOf(page, '#prediction')).toBe('24691');
  // The store has no card.md and no losses.csv for it.
  expect(await page.textContent('#card')).toContain('no card');
  expect(await page.textContent('#losses')).toContain('no losses');
  expect(await page.textContent('#forward')).toContain('make walk-forward');

  promote(store, [Math.log(3), 0, 0], '2020-02-01');
  await hasText(page, '#file', '2020-02-01');
  writeFileSync(join(store, 'model.bin'), 'damaged');
  await hasText(page, '#status', 'was refused');
});

it('without JavaScript explains what works, and says nothing about a model', async () => {
  const { url } = await startServer(trainedStore());
  for (const options of [{}, PHONE]) {
    const context = await browser.newContext({ javaScriptEnabled: false, ...options });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    const text = await page.innerText('body');
    expect(text).toContain('This page needs JavaScript');
    expect(text).toContain(
      "curl 'http://127.0.0.1:3000/predict?vol_moving_avg=12345&adj_close_rolling_med=25'",
    );
    expect(text).not.toMatch(/No model|Looking up/);
    await page.click('#predict-form button');
    const integer = await (
      await fetch(`${url}/predict?vol_moving_avg=12345&adj_close_rolling_med=25`)
    ).text();
    expect(await page.innerText('body')).toBe(integer);
  }
});

it('says that a model file has no density of training rows', async () => {
  const store = makeFolder();
  const model = constantModel([Math.LN2, 0, 0]);
  model.density.shares.fill(0);
  writeFileSync(join(store, 'model.bin'), encodeModel(model));
  const { url } = await startServer(store);
  const { page, errors } = await open(url);
  await waitForSurface(page);
  expect(await page.textContent('.legend')).toContain('does not say where its training rows are');
  await predict(page, '12345', '25');
  expect(await page.textContent('#domain')).toMatch(/^Outside the training domain/);
  expect(errors).toEqual([]);
});

it('shows HTML in files of the store as text', async () => {
  const store = makeFolder();
  const evil = '<script>top.evil = 1</script><img src=x onerror="top.evil = 1">';
  promote(store, [Math.LN2, 0, 0], '2020-01-01', { seed: evil });
  const folder = join(store, 'models/2020-01-01');
  mkdirSync(folder, { recursive: true });
  cpSync(join(store, 'model.bin'), join(folder, 'model.bin'));
  writeFileSync(
    join(folder, 'card.md'),
    `# Card ${evil}\n\n${evil}\n\n- ${evil}\n\n| a |\n|---|\n| ${evil} |\n`,
  );
  writeFileSync(join(store, 'walk-forward.md'), `| as of | ${evil} |\n|---|---|\n| ${evil} | ${evil} |\n`);
  writeFileSync(
    join(store, 'walk-forward.svg'),
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="top.evil = 1"><script>top.evil = 1</script></svg>',
  );
  const { url } = await startServer(store);
  const { page, errors } = await open(url);
  await waitForSurface(page);
  await page.waitForSelector('.plot');
  for (const id of ['card', 'forward', 'file']) expect(await page.textContent(`#${id}`)).toContain(evil);
  expect(await page.textContent('#card h3')).toBe(`Card ${evil}`);
  expect(await page.locator('script').count()).toBe(1);
  expect(await page.locator('img').count()).toBe(1);
  expect(await page.evaluate('window.evil')).toBeUndefined();
  expect(errors).toEqual([]);
});

it('asks for the token and keeps it in memory only; its files need no token', async () => {
  const { url } = await startServer(trainedStore(), { TOKEN: 'secret' });
  const { page } = await open(url);
  await page.waitForSelector('#token-form:not([hidden])');
  expect(await violationsOf(page)).toEqual([]);
  for (const token of ['wrong', 'secret']) {
    await page.fill('#token', token);
    await page.keyboard.press('Enter');
    if (token === 'wrong') await hasText(page, '#token-error', 'did not accept this token');
  }
  await page.waitForSelector('#token-form', { state: 'hidden' });
  await predict(page, '12345', '25');
  await page.waitForSelector('.plot');
  expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([
    0,
    0,
    '',
  ]);
  await page.reload();
  await page.waitForSelector('#token-form:not([hidden])');
  const status = async (path: string) => (await fetch(url + path)).status;
  expect(await status('/?from=a-bookmark')).toBe(200);
  expect(await status('/page/main.js')).toBe(200);
  expect(await status('/reports/model')).toBe(401);
  expect(await status('/reports/walk-forward')).toBe(401);
});

it('says that the server does not respond, and reconnects', async () => {
  const store = trainedStore();
  const { url, running } = await startServer(store);
  const { page } = await open(url);
  await waitForSurface(page);
  running.process.kill('SIGKILL');
  await once(running.process, 'close');
  await hasText(page, '#status', 'does not respond');
  await startServer(store, { PORT: new URL(url).port });
  await hasText(page, '#status', /^In service/);
});

it('is less than 32 kB, and is not sent again while it is unchanged', async () => {
  const { url } = await startServer(makeFolder());
  const page = await (await fetch(url)).text();
  const paths = ['/', ...[...page.matchAll(/(?:href|src)="(page[^"]+)"/g)].map(([, path]) => `/${path}`)];
  expect(paths.length).toBeGreaterThan(10);
  let bytes = 0;
  for (const path of paths) {
    const request = get(url + path, { headers: { 'accept-encoding': 'gzip' } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    for await (const chunk of response) bytes += chunk.length;
    expect(response.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    const again = { headers: { 'if-none-match': String(response.headers.etag) } };
    expect((await fetch(url + path, again)).status).toBe(304);
    expect((await fetch(url + path, { method: 'POST' })).status).toBe(405);
  }
  expect(bytes).toBeLessThan(32_000);
});

/** A store with a model trained on the bundled sample, and a walk-forward of two months. */
function trainedStore(): string {
  const store = makeFolder();
  for (const name of ['model.bin', 'champion.json', 'models'])
    cpSync(join(inject('sample').store, name), join(store, name), { recursive: true });
  const score = { rows: 1_000, mae: 500_000, rmsle: 1.3, r2: 0.8 };
  const months: MonthScores[] = ['2019-01-01', '2019-02-01'].map((asOf) => ({
    ...{
      asOf,
      featuresKey: 'key',
      volMovingAvg: { ...score, mae: 550_000 },
      bestMultiple: { ...score, multiple: 0.9 },
    },
    model: { ...score, coverage: 0.8 },
  }));
  writeFileSync(join(store, 'walk-forward.md'), formatWalkForward(months, 'key'));
  writeFileSync(join(store, 'walk-forward.svg'), drawWalkForward(months));
  return store;
}

function promote(
  store: string,
  outputs: [number, number, number],
  asOf: string,
  provenance: Record<string, string> = {},
): void {
  writeFileSync(join(store, 'next'), encodeModel({ ...constantModel(outputs, asOf), provenance }));
  renameSync(join(store, 'next'), join(store, 'model.bin'));
}

/** Opens the page, and records its requests and errors. */
async function open(
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; requests: string[]; errors: string[] }> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const requests: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text());
  });
  await page.goto(url);
  return { page, requests, errors };
}

function waitForSurface(page: Page): Promise<unknown> {
  return page.waitForSelector('#surface canvas');
}

/** Waits until an element has this text. */
function hasText(page: Page, selector: string, text: string | RegExp): Promise<void> {
  return page.locator(selector, { hasText: text }).waitFor();
}

/** Fills in the form and waits for the prediction. */
async function predict(page: Page, volMovingAvg: string, adjCloseRollingMed: string): Promise<void> {
  await waitForSurface(page);
  await page.fill('#vol_moving_avg', volMovingAvg);
  await page.fill('#adj_close_rolling_med', adjCloseRollingMed);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#prediction');
}

/** Moves to a field with Tab and replaces its text. */
async function typeInto(page: Page, id: string, text: string): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate('document.activeElement.id')) === id) break;
  }
  expect(await page.evaluate('document.activeElement.id')).toBe(id);
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(text);
}

async function digitsOf(page: Page, selector: string): Promise<string> {
  return ((await page.textContent(selector)) ?? '').replaceAll(',', '');
}

async function detailOf(
  url: string,
  volMovingAvg: string,
  adjCloseRollingMed: string,
): Promise<{ p10: number; p90: number; in_domain: boolean }> {
  const query = `vol_moving_avg=${volMovingAvg}&adj_close_rolling_med=${adjCloseRollingMed}&detail=1`;
  return (await fetch(`${url}/predict?${query}`)).json() as never;
}

/** What axe finds: the rule, and the element that breaks it. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}
