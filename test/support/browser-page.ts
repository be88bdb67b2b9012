/** The page in a browser, over a store that has everything it shows. */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { inject, onTestFinished } from 'vitest';
import { formatWalkForward, type MonthScores } from '../../tasks/walk-forward/walk-forward-table.ts';
import { makeFolder } from './fixtures.ts';

/** A store with a model trained on the bundled sample, and a walk-forward of two months. */
export function trainedStore(): string {
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
  return store;
}

/** Opens the page, and records its requests and errors. */
export async function openPage(
  browser: Browser,
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
