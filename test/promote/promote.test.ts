import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../tasks/errors.ts';
import { promote } from '../../tasks/promote/promote.ts';
import type { Outcome } from '../../tasks/result.ts';
import { succeed } from '../command.ts';
import { hashStore, makeFolder, runHere, scratchOf } from '../fixtures.ts';
import { addModel } from '../tiny-model.ts';

let store: string;

beforeEach(() => {
  store = makeFolder();
});

it('puts the newest model into service when no date is given', async () => {
  addModels('2019-01-01', '2020-01-01', '2018-01-01');
  expect(await promoteHere()).toMatchObject({ status: 'done', metrics: { champion_as_of: '2020-01-01' } });
  expectChampion('2020-01-01');
});

it('puts the model of a date into service', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2019-01-01');
  expectChampion('2019-01-01');
});

it('never replaces a newer champion with an older model, and says so', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2020-01-01');
  const before = hashStore(store);
  const { stderr } = await succeed(['promote', '--store', store, '--as-of', '2019-01-01']);
  expect(stderr).toContain('a newer model stays in service');
  expect(hashStore(store)).toEqual(before);
});

it('replaces a newer champion with an older model when it is forced to', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2020-01-01');
  await promoteHere('2019-01-01', true);
  expectChampion('2019-01-01');
});

it('replaces an older champion with a newer model', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2019-01-01');
  await promoteHere('2020-01-01');
  expectChampion('2020-01-01');
});

it('replaces a champion with the model of the same date that was trained anew', async () => {
  addModels('2020-01-01');
  await promoteHere();
  addModel(store, [9, 9, 9], '2020-01-01');
  await promoteHere();
  expectChampion('2020-01-01');
});

it('says that it is up to date the second time, and changes nothing', async () => {
  addModels('2020-01-01');
  expect(await promoteHere()).toMatchObject({ status: 'done' });
  const before = hashStore(store);
  expect(await promoteHere()).toMatchObject({ status: 'up_to_date' });
  expect(hashStore(store)).toEqual(before);
});

it('ends with the newest model however many promote at once', async () => {
  const dates = ['2017-01-01', '2020-01-01', '2018-01-01', '2019-01-01'];
  addModels(...dates);
  await Promise.all(dates.map((date) => succeed(['promote', '--store', store, '--as-of', date])));
  expectChampion('2020-01-01');
  expect(scratchOf(store)).toEqual([]);
});

describe('goes by the model in service, whatever champion.json says', () => {
  beforeEach(async () => {
    addModels('2020-01-01', '2020-03-01', '2020-06-01');
    await promoteHere('2020-01-01');
  });

  it('and mends it after a run that was killed between the two writes', async () => {
    writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'models/2020-06-01/model.bin')));
    expect(await promoteHere('2020-03-01')).toMatchObject({
      status: 'done',
      metrics: { champion_as_of: '2020-06-01', challenger_as_of: '2020-03-01' },
    });
    expectChampion('2020-06-01');
  });

  it.each([
    ['missing', () => rmSync(join(store, 'model.bin'))],
    ['damaged', () => writeFileSync(join(store, 'model.bin'), 'damaged')],
  ])('and replaces a newer one whose model.bin is %s', async (_kind, spoil) => {
    await promoteHere('2020-06-01');
    spoil();
    expect(await promoteHere('2020-03-01')).toMatchObject({
      status: 'done',
      metrics: { champion_as_of: '2020-03-01' },
    });
    expectChampion('2020-03-01');
  });

  it.each([
    ['missing', () => rmSync(join(store, 'champion.json'))],
    ['damaged', () => writeFileSync(join(store, 'champion.json'), '{"as_of"')],
  ])('and writes it anew where it is %s', async (_kind, spoil) => {
    spoil();
    expect(await promoteHere('2020-01-01')).toMatchObject({ status: 'done' });
    expectChampion('2020-01-01');
  });
});

it('refuses a damaged model, and the champion stays', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2019-01-01');
  const path = join(store, 'models/2020-01-01/model.bin');
  writeFileSync(path, readFileSync(path).subarray(0, -4));
  await expect(promoteHere()).rejects.toThrow(InputError);
  await expect(promoteHere()).rejects.toThrow(`${path}: `);
  await expect(promoteHere()).rejects.toThrow('train it again');
  expectChampion('2019-01-01');
});

it('refuses when there are no models, and tells what to run', async () => {
  await expect(promoteHere()).rejects.toThrow(
    new InputError(`${store}/models: there are no models in this store; run train first`),
  );
});

it('refuses a date that has no model, and names it', async () => {
  addModels('2020-01-01');
  await expect(promoteHere('2019-01-01')).rejects.toThrow(InputError);
  await expect(promoteHere('2019-01-01')).rejects.toThrow('2019-01-01');
  expect(existsSync(join(store, 'champion.json'))).toBe(false);
});

/** Models that differ in their weights. */
function addModels(...dates: string[]): void {
  for (const date of dates) addModel(store, [Number(date.slice(2, 7).replace('-', '')) / 1000, 0, 0], date);
}

function promoteHere(asOf?: string, force = false): Promise<Outcome> {
  return runHere(promote, { asOf, force }, store);
}

function expectChampion(date: string): void {
  const bytes = readFileSync(join(store, 'models', date, 'model.bin'));
  expect(readFileSync(join(store, 'model.bin')).equals(bytes)).toBe(true);
  expect(JSON.parse(readFileSync(join(store, 'champion.json'), 'utf8'))).toMatchObject({
    as_of: date,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
}
