import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../../model/model-file.ts';
import type { Surface } from '../../../serving/scoring/response-surface.ts';
import { openPage, trainedStore } from '../../support/browser-page.ts';
import { launchChromium } from '../../support/chromium.ts';
import { until } from '../../support/command.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { startServer } from '../../support/test-server.ts';
import { constantModel } from '../../support/tiny-model.ts';

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const run = promisify(execFile);
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
    expect(await digitsOf(page, '#p50')).toBe(String(Math.round(detail.p50)));
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
    await page.waitForSelector('#forward svg');
    await until(() => requests.filter((one) => one.endsWith('/metrics')).length > 1, 'a second poll');
    for (const request of requests) expect(request).toMatch(new RegExp(`^${url}/`));
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
        await page.waitForSelector('#forward svg');
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

  it.each([
    ['screens', {}, [1280, 1024, 960, 768]],
    ['phones', PHONE, [390, 360, 320]],
  ])('fits %s, and cuts off nothing', async (_, device, widths) => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url, device);
    await predict(page, '9007199254740991', '-25');
    await page.waitForSelector('#forward svg');
    for (const summary of await page.locator('summary').all()) await summary.click();
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 });
      // The tables and charts fit themselves to a new width before it is painted.
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(await page.evaluate(FIND_CUT_OFF)).toEqual([]);
    }
  });

  it('has colours on the map that differ, hatches what is outside, and gives the numbers of both', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await waitForSurface(page);
    for (const measure of ['ratio', 'prediction']) {
      await page.click(`input[value=${measure}]`);
      const { inside, outside } = await coloursOf(page, await surfaceFrom(url));
      // Seven parts of the training domain between quantiles, about 1/7 of its points each.
      expect(Object.keys(inside)).toHaveLength(7);
      const points = Object.values(inside).reduce((sum, count) => sum + count);
      for (const count of Object.values(inside)) expect(count / points).toBeLessThan(0.25);
      // Every outside part of 8 by 8 pixels has both a line and the ground.
      expect(outside.points).toBeGreaterThan(20);
      expect(outside.hatched).toBe(outside.points);
      const label = (await page.getAttribute('.legend svg', 'aria-label')) ?? '';
      const edges = await page.locator('.legend svg text').allTextContents();
      expect(edges.slice(1)).toHaveLength(8);
      for (const edge of edges) expect(label).toContain(edge);
    }
  });

  it('moves over the map by keyboard, and predicts there', async () => {
    const { url } = await startServer(trainedStore());
    const { page } = await open(url);
    await predict(page, '12345', '25');
    await page.focus('.map');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowUp', 'ArrowLeft']) await page.keyboard.press(key);
    const readout = (await page.textContent('.readout')) ?? '';
    const { vol_moving_avg, adj_close_rolling_med } = await surfaceFrom(url);
    const step = ([min, max]: [number, number]) => (max - min) / 40;
    // ln(1 + x) grows by a step along each axis.
    const expected = [
      Math.expm1(Math.log1p(12345) + step(vol_moving_avg)),
      Math.expm1(Math.log1p(25) + step(adj_close_rolling_med)),
    ];
    expect(readout).toContain(`vol_moving_avg ${((expected[0] as number) / 1000).toPrecision(3)}k,`);
    await page.keyboard.press('Enter');
    await hasText(page, '.copy', `vol_moving_avg=${Math.round(expected[0] as number)}&`);
    expect(await page.inputValue('#adj_close_rolling_med')).toBe(
      String(Number((expected[1] as number).toPrecision(3))),
    );
    expect(await page.evaluate('document.activeElement.className')).toBe('map');
  });

  it('shows the shares below each quantile and the means that metrics.json has, by decile', async () => {
    const store = trainedStore();
    const { url } = await startServer(store);
    const { page } = await open(url);
    await waitForSurface(page);
    const [asOf = ''] = readdirSync(join(store, 'models'));
    const metrics = JSON.parse(readFileSync(join(store, 'models', asOf, 'metrics.json'), 'utf8')) as {
      by_decile: Record<string, number>[];
    };
    for (const summary of await page.locator('summary').all()) await summary.click();
    const cells = (id: string) =>
      page
        .locator(`#${id} tbody tr`)
        .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)));
    const percent = (share = Number.NaN) => `${(share * 100).toFixed(1)} %`;
    const whole = (value = Number.NaN) => Math.round(value).toLocaleString('en-US');
    expect(await cells('calibration')).toEqual(
      metrics.by_decile.map((group) => [
        ...[group.part, whole(group.rows), percent(group.below_p10)],
        ...[percent(group.below_p50), percent(group.below_p90)],
      ]),
    );
    expect((await cells('means')).map((row) => row.slice(0, 3))).toEqual(
      metrics.by_decile.map((group) => [group.part, whole(group.mean_volume), whole(group.mean_prediction)]),
    );
    expect(metrics.by_decile).toHaveLength(10);
    expect(await page.locator('#calibration circle').count()).toBe(30);
    expect(await page.locator('#means circle').count()).toBe(10);
  });

  it('has a curl and a Python line that ask this server for the same prediction', async () => {
    const { url } = await startServer(trainedStore(), { TOKEN: 'secret' });
    const { page } = await open(url);
    await enterToken(page, 'secret');
    await predict(page, '45678.5', '-7.25');
    const [curl = '', python = ''] = await page.locator('.copy code').allTextContents();
    const expected = await digitsOf(page, '#prediction');
    const options = { env: { ...process.env, TOKEN: 'secret' }, encoding: 'utf8' } as const;
    const { stdout } = await run('python3', ['-c', python], options);
    expect(stdout.trim()).toBe(expected);
    // The arguments as a shell gives them to curl.
    const words = await run('bash', ['-c', `curl() { printf '%s\\n' "$@"; }; ${curl}`], options);
    const [, header = '', address = ''] = words.stdout.split('\n');
    const response = await fetch(address, { headers: { authorization: header.split(': ')[1] ?? '' } });
    expect(await response.text()).toBe(expected);
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
    await page.click('#pause');
    expect(await page.getAttribute('#pause', 'aria-pressed')).toBe('true');
    const polls = page.waitForResponse(/metrics/).then(() => page.waitForResponse(/metrics/));
    await fetch(request);
    await polls;
    expect(await page.textContent('#predictions')).toBe('30');
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
  const { url } = await startServer(store);
  const { page, errors } = await open(url);
  await waitForSurface(page);
  await page.waitForSelector('#forward svg');
  for (const id of ['card', 'forward', 'file']) expect(await page.textContent(`#${id}`)).toContain(evil);
  expect(await page.textContent('#card h3')).toBe(`Card ${evil}`);
  expect(await page.locator('script').count()).toBe(1);
  expect(await page.locator('img').count()).toBe(0);
  expect(await page.evaluate('window.evil')).toBeUndefined();
  expect(errors).toEqual([]);
});

it('asks for the token once and keeps it for this tab; its files need no token', async () => {
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
  expect(await page.textContent('#token-error')).toBe('');
  await predict(page, '12345', '25');
  await page.waitForSelector('#forward svg');
  expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, '']);
  await page.reload();
  await predict(page, '12345', '25');
  expect(await page.isVisible('#token-form')).toBe(false);
  for (const [link, text] of [
    ['Metrics', 'model_infer_rows_total'],
    ['OpenAPI', '"openapi":"3.1.0"'],
  ] as const) {
    await page.click(`nav >> text="${link}"`);
    await hasText(page, 'body', text);
    await page.goBack();
  }
  await page.click('nav >> text=API documentation');
  await page.waitForSelector('.swagger-ui .opblock');
  const other = await open(url);
  expect(await other.page.evaluate('sessionStorage.length')).toBe(0);
  await other.page.waitForSelector('#token-form:not([hidden])');
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
  await page.click('#predict-form button');
  await hasText(page, '#result', 'does not respond');
  await startServer(store, { PORT: new URL(url).port });
  await hasText(page, '#status', /^In service/);
  await page.waitForSelector('#prediction');
  expect(await page.innerText('body')).not.toContain('does not respond');
});

it.each([
  ['does not answer', (route: Route) => route.abort()],
  [
    'answers with an error page',
    (route: Route) => route.fulfill({ status: 502, body: '<h1>Bad Gateway</h1>' }),
  ],
  [
    'answers 200 with a login page',
    (route: Route) => route.fulfill({ status: 200, body: '<h1>Log in</h1>' }),
  ],
])('shows an error while a proxy %s, and none once that is over', async (_, fail) => {
  const { url } = await startServer(trainedStore());
  const { page } = await open(`${url}/page/icon.svg`);
  const paths = /\/(reports\/(model|walk-forward)|predict\?.*)$/;
  await page.route(paths, fail);
  await page.goto(url);
  await page.waitForSelector('#status.fault');
  await page.click('#predict-form button');
  await page.waitForSelector('.problem');
  await page.unroute(paths);
  await hasText(page, '#status:not(.fault)', /^In service/);
  await page.waitForSelector('#prediction');
  await page.waitForSelector('#forward svg');
  expect(await page.locator('.problem').count()).toBe(0);
});

it('takes away the error of a prediction once there is a model', async () => {
  const store = makeFolder();
  const { url } = await startServer(store, { POLL_MS: '20' });
  const { page } = await open(url);
  await page.waitForSelector('#status.fault');
  await page.click('#predict-form button');
  await hasText(page, '.problem', 'no model is in service yet');
  promote(store, [Math.LN2, 0, 0], '2020-01-01');
  await page.waitForSelector('#prediction');
  expect(await digitsOf(page, '#prediction')).toBe('24691');
  expect(await page.locator('.problem').count()).toBe(0);
});

it('works behind a proxy that serves it below a prefix', async () => {
  const { url } = await startServer(trainedStore());
  const proxy = createServer((incoming, outgoing) => {
    const path = /^\/volume(\/.*)$/.exec(incoming.url ?? '')?.[1];
    if (!path) {
      outgoing.writeHead(404).end();
      return;
    }
    get(url + path, { headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void proxy.close().closeAllConnections());
  await once(proxy, 'listening');
  const { page, errors } = await open(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/volume/`);
  await predict(page, '12345', '25');
  await page.waitForSelector('#forward svg');
  expect(await page.textContent('.copy')).toContain('/volume/predict?vol_moving_avg=12345&');
  await page.click('nav >> text=API documentation');
  await page.click('.opblock-get >> text=/predict');
  await page.click('text=Try it out');
  await page.fill('input[placeholder=vol_moving_avg]', '12345');
  await page.fill('input[placeholder=adj_close_rolling_med]', '25');
  await page.click('.execute');
  await hasText(page, '.request-url', '/volume/predict?');
  await hasText(page, '.live-responses-table .response-col_status', '200');
  expect(errors).toEqual([]);
});

describe('/docs', () => {
  it.each([
    ['light', 'rgba(0, 0, 0, 0)', 'dark', 'html.dark-mode'],
    ['dark', 'rgb(28, 32, 34)', 'light', 'html:not(.dark-mode)'],
  ] as const)(
    'has the colours of a %s reader, and keeps the content security policy',
    async (colorScheme, ground, otherScheme, otherRoot) => {
      const { url } = await startServer(trainedStore());
      const { page, requests, errors } = await open(`${url}/docs`, { colorScheme });
      await page.waitForSelector('.swagger-ui .opblock');
      expect(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')).toBe(ground);
      for (const request of requests) expect(request).toMatch(new RegExp(`^(${url}/|data:)`));
      expect(errors).toEqual([]);
      await page.emulateMedia({ colorScheme: otherScheme });
      await page.waitForSelector(otherRoot);
    },
  );

  it('is not sent again while it is unchanged', async () => {
    const { url } = await startServer(trainedStore());
    for (const path of ['/docs', '/openapi.json', '/page/docs.js']) {
      const { headers } = await fetch(url + path);
      const again = { headers: { 'if-none-match': String(headers.get('etag')) } };
      expect((await fetch(url + path, again)).status).toBe(304);
    }
    const page = await (await fetch(`${url}/docs`)).text();
    const files = [...page.matchAll(/"(docs\/[^"]+)"/g)].map(([, path]) => path);
    expect(files).toHaveLength(2);
    for (const file of files) {
      const response = await fetch(`${url}/${file}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toContain('immutable');
      expect(response.headers.get('content-encoding')).toBe('gzip');
    }
    expect((await fetch(`${url}/docs/0.0.0/swagger-ui.css`)).status).toBe(404);
  });

  it('asks for the token on the page, and comes back with it', async () => {
    const { url } = await startServer(trainedStore(), { TOKEN: 'secret' });
    const { page } = await open(`${url}/docs`);
    await enterToken(page, 'secret');
    await page.waitForSelector('.swagger-ui .opblock');
    await page.click('.opblock-get >> text=/predict');
    await page.click('text=Try it out');
    await page.fill('input[placeholder=vol_moving_avg]', '12345');
    await page.fill('input[placeholder=adj_close_rolling_med]', '25');
    await page.click('.execute');
    await hasText(page, '.live-responses-table .response-col_status', '200');
    expect((await fetch(`${url}/openapi.json`)).status).toBe(401);
  });
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

function promote(
  store: string,
  outputs: [number, number, number],
  asOf: string,
  provenance: Record<string, string> = {},
): void {
  writeFileSync(join(store, 'next'), encodeModel({ ...constantModel(outputs, asOf), provenance }));
  renameSync(join(store, 'next'), join(store, 'model.bin'));
}

function open(url: string, options: BrowserContextOptions = {}): ReturnType<typeof openPage> {
  return openPage(browser, url, options);
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
): Promise<{ p10: number; p50: number; p90: number; in_domain: boolean }> {
  const query = `vol_moving_avg=${volMovingAvg}&adj_close_rolling_med=${adjCloseRollingMed}&detail=1`;
  return (await fetch(`${url}/predict?${query}`)).json() as never;
}

async function enterToken(page: Page, token: string): Promise<void> {
  await page.waitForSelector('#token-form:not([hidden])');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
}

async function surfaceFrom(url: string): Promise<Surface> {
  const { surface } = (await (await fetch(`${url}/reports/model`)).json()) as { surface: Surface };
  return surface;
}

/**
 * The colours of the map's canvas: how many grid points inside the training domain have each, and
 * how many points that are well outside are hatched.
 */
async function coloursOf(
  page: Page,
  { columns, rows, in_domain }: Surface,
): Promise<{ inside: Record<number, number>; outside: { points: number; hatched: number } }> {
  const image = await page.evaluate(`(() => {
    const { width, height } = document.querySelector('#surface canvas');
    const { data } = document.querySelector('#surface canvas').getContext('2d').getImageData(0, 0, width, height);
    return JSON.stringify({ width, height, pixels: [...new Uint32Array(data.buffer)] });
  })()`);
  const { width, height, pixels } = JSON.parse(String(image)) as Record<'width' | 'height', number> & {
    pixels: number[];
  };
  // The margins of the plot area, as in line-chart.js.
  const [left, right, top, bottom] = [52, width - 14, 26, height - 40];
  const isInside = (column: number, row: number) => in_domain[row * columns + column] === 1;
  const inside: Record<number, number> = {};
  const outside = { points: 0, hatched: 0 };
  for (let row = 1; row < rows - 1; row++)
    for (let column = 1; column < columns - 1; column++) {
      const x = Math.floor(left + ((column + 0.5) / columns) * (right - left));
      const y = Math.floor(bottom - ((row + 0.5) / rows) * (bottom - top));
      if (isInside(column, row)) {
        const colour = pixels[y * width + x] as number;
        inside[colour] = (inside[colour] ?? 0) + 1;
        continue;
      }
      const near = [-1, 0, 1].flatMap((up) => [-1, 0, 1].map((along) => isInside(column + along, row + up)));
      if (near.includes(true)) continue;
      const alphas = Array.from({ length: 8 }, (_, at) => (pixels[y * width + x - 4 + at] as number) >>> 24);
      outside.points++;
      if (alphas.includes(0) && alphas.some((alpha) => alpha > 100)) outside.hatched++;
    }
  return { inside, outside };
}

/** Runs in the browser: what reaches out of its panel, or is wider than its own box. */
const FIND_CUT_OFF = `[...document.querySelectorAll('.panel, header')].flatMap((panel) => {
  const { left, right } = panel.getBoundingClientRect();
  return [...panel.querySelectorAll('th, td, p, li, dd, dt, code, svg, canvas, label')]
    .filter((element) => {
      const box = element.getBoundingClientRect();
      if (box.width === 0) return false;
      const isInline = getComputedStyle(element).display.startsWith('inline');
      return box.left < left || box.right > right || (!isInline && element.scrollWidth > element.clientWidth + 1);
    })
    .map((element) => element.tagName + ' ' + element.textContent.slice(0, 40));
})`;

/** What axe finds: the rule, and the element that breaks it. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}
