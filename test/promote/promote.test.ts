import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeModel } from '../../serving/model.ts';
import { runCli, scratchOf, snapshot, succeed } from '../command.ts';
import { constantModel } from '../tiny-model.ts';

let store: string;

beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'promote-'));
});
afterEach(() => rmSync(store, { recursive: true }));

it('puts the newest model into service when no date is given', async () => {
  addModels('2019-01-01', '2020-01-01', '2018-01-01');
  await succeed(promote());
  expectChampion('2020-01-01');
});

it('puts the model of a date into service', async () => {
  addModels('2019-01-01', '2020-01-01');
  await succeed(promote('2019-01-01'));
  expectChampion('2019-01-01');
});

it('never replaces a newer champion with an older model, and says so', async () => {
  addModels('2019-01-01', '2020-01-01');
  await succeed(promote('2020-01-01'));
  const before = snapshot(store, '.');
  const { stderr } = await succeed(promote('2019-01-01'));
  expect(stderr).toContain('a newer model stays in service');
  expect(files(snapshot(store, '.'))).toEqual(files(before));
  expectChampion('2020-01-01');
});

it('replaces an older champion with a newer model', async () => {
  addModels('2019-01-01', '2020-01-01');
  await succeed(promote('2019-01-01'));
  await succeed(promote('2020-01-01'));
  expectChampion('2020-01-01');
});

it('replaces a champion with the model of the same date that was trained anew', async () => {
  addModels('2020-01-01');
  await succeed(promote());
  const bytes = encodeModel(constantModel([9, 9, 9], '2020-01-01'));
  writeFileSync(join(store, 'models/2020-01-01/model.bin'), bytes);
  await succeed(promote());
  expect(readFileSync(join(store, 'model.bin')).equals(bytes)).toBe(true);
});

it('mends a model in service that was damaged', async () => {
  addModels('2020-01-01');
  await succeed(promote());
  writeFileSync(join(store, 'model.bin'), 'damaged');
  await succeed(promote());
  expectChampion('2020-01-01');
});

it('says that it is up to date the second time', async () => {
  addModels('2020-01-01');
  const result = join(store, 'result.json');
  await succeed([...promote(), '--result', result]);
  expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({ task: 'promote', status: 'done' });
  await succeed([...promote(), '--result', result]);
  expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({ task: 'promote', status: 'up_to_date' });
});

it('ends with the newest model however many promote at once', async () => {
  const dates = ['2017-01-01', '2020-01-01', '2018-01-01', '2016-01-01', '2019-01-01', '2015-01-01'];
  addModels(...dates);
  await Promise.all(dates.map((date) => succeed(promote(date))));
  expectChampion('2020-01-01');
  expect(scratchOf(store)).toEqual([]);
});

it('refuses a damaged model, and the champion stays', async () => {
  addModels('2019-01-01', '2020-01-01');
  await succeed(promote('2019-01-01'));
  const path = join(store, 'models/2020-01-01/model.bin');
  writeFileSync(path, readFileSync(path).subarray(0, -4));
  const { code, stderr } = await runCli(promote());
  expect(code).toBe(2);
  expect(stderr).toContain(path);
  expect(stderr).toContain('train it again');
  expectChampion('2019-01-01');
});

it('refuses when there are no models, and tells what to run', async () => {
  const { code, stderr } = await runCli(promote());
  expect(code).toBe(2);
  expect(stderr).toContain('run train first');
});

it('refuses a date that has no model, and names it', async () => {
  addModels('2020-01-01');
  const { code, stderr } = await runCli(promote('2019-01-01'));
  expect(code).toBe(2);
  expect(stderr).toContain('2019-01-01');
  expect(existsSync(join(store, 'champion.json'))).toBe(false);
});

it('refuses a date that would lead out of the store', async () => {
  const { code } = await runCli(promote('../../etc'));
  expect(code).toBe(2);
});

/** Models that differ in their weights. */
function addModels(...dates: string[]): void {
  for (const date of dates) {
    mkdirSync(join(store, 'models', date), { recursive: true });
    const weight = Number(date.slice(0, 4)) - 2000;
    writeFileSync(join(store, 'models', date, 'model.bin'), encodeModel(constantModel([weight, 0, 0], date)));
  }
}

function promote(asOf?: string): string[] {
  return ['promote', '--store', store, ...(asOf ? ['--as-of', asOf] : [])];
}

function files(snapshot: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(snapshot).filter(([name]) => !name.includes('logs/')));
}

function expectChampion(date: string): void {
  const bytes = readFileSync(join(store, 'models', date, 'model.bin'));
  expect(readFileSync(join(store, 'model.bin')).equals(bytes)).toBe(true);
  expect(JSON.parse(readFileSync(join(store, 'champion.json'), 'utf8'))).toMatchObject({
    as_of: date,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
}
