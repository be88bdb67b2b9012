import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { promote } from '../../../tasks/promote/promote.ts';
import { rollback } from '../../../tasks/promote/rollback.ts';
import type { ChampionChange } from '../../../tasks/store/champion-history.ts';
import type { TaskResult } from '../../../tasks/store/result.ts';
import { runTask, succeed } from '../../support/command.ts';
import { csvOfVolumes, hashStore, ingestFiles, listScratch, runInProcess } from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

let store: string;

// All volumes are the same, so that a model covers all of them or none.
const GATES = { maxMaeRatio: 1.02, maxRmsleRatio: 1.02, minCoverage: 0.7, maxCoverage: 1 };

beforeEach(async () => {
  store = (await ingestFiles({ 'stocks/A.csv': csvOfVolumes(100, 100, 100) })).store;
  await runInProcess(features, { window: 2 }, store);
});

it('promotes the newest model if no date is given', async () => {
  addModels('2019-01-01', '2020-01-01', '2018-01-01');
  expect(await promoteHere()).toMatchObject({ status: 'done', metrics: { champion_as_of: '2020-01-01' } });
  expectChampion('2020-01-01');
});

it('promotes the model with the given date', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2019-01-01');
  expectChampion('2019-01-01');
});

it('refuses a model that is older than the champion, and says so', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2020-01-01');
  const before = hashStore(store);
  const { stderr } = await succeed(['promote', '--store', store, '--as-of', '2019-01-01']);
  expect(stderr).toContain('a newer model is in service; use --force to replace it');
  expect(hashStore(store)).toEqual(before);
});

it('replaces a newer champion with an older model if forced', async () => {
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

it('replaces a champion with a retrained model of the same date', async () => {
  addModels('2020-01-01');
  await promoteHere();
  addModel(store, [0, 1, 1], '2020-01-01');
  await promoteHere();
  expectChampion('2020-01-01');
});

it('is up to date the second time, and changes nothing', async () => {
  addModels('2020-01-01');
  expect(await promoteHere()).toMatchObject({ status: 'done' });
  const before = hashStore(store);
  expect(await promoteHere()).toMatchObject({ status: 'up_to_date' });
  expect(hashStore(store)).toEqual(before);
});

it('ends with the newest model when many processes promote at once', async () => {
  const dates = ['2017-01-01', '2020-01-01', '2018-01-01', '2019-01-01'];
  addModels(...dates);
  const args = ['promote', '--store', store, '--max-coverage', '1', '--as-of'];
  await Promise.all(dates.map((date) => succeed([...args, date])));
  expectChampion('2020-01-01');
  expect(listScratch(store)).toEqual([]);
});

describe('uses model.bin, not champion.json, for the model in service', () => {
  beforeEach(async () => {
    addModels('2020-01-01', '2020-03-01', '2020-06-01');
    await promoteHere('2020-01-01');
  });

  it('and corrects it after a run that was killed between the two writes', async () => {
    writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'models/2020-06-01/model.bin')));
    expect(await promoteHere('2020-03-01')).toMatchObject({
      status: 'refused',
      metrics: { champion_as_of: '2020-06-01', challenger_as_of: '2020-03-01' },
    });
    expectChampion('2020-06-01');
  });

  it.each([
    ['missing', () => rmSync(join(store, 'champion.json'))],
    ['damaged', () => writeFileSync(join(store, 'champion.json'), '{"as_of"')],
  ])('and writes it again if it is %s', async (_kind, damage) => {
    damage();
    expect(await promoteHere('2020-01-01')).toMatchObject({ status: 'done' });
    expectChampion('2020-01-01');
  });
});

describe.each([
  ['missing', () => rmSync(join(store, 'model.bin'))],
  ['damaged', () => writeFileSync(join(store, 'model.bin'), 'damaged')],
  [
    'in a later format',
    () => writeFileSync(join(store, 'model.bin'), modelOfFormat('stock-market-pipeline/99')),
  ],
])('if model.bin is %s, the history says what should be in service, and', (_kind, damage) => {
  beforeEach(async () => {
    addModels('2020-01-01', '2020-03-01', '2020-06-01', '2020-07-01');
    for (const date of ['2020-01-01', '2020-03-01', '2020-06-01']) await promoteHere(date);
    damage();
  });

  it('an older model is refused', async () => {
    expect(await promoteHere('2020-03-01')).toMatchObject({
      status: 'refused',
      outputs: [],
      metrics: {
        champion_as_of: '2020-06-01',
        reason: expect.stringMatching(/model\.bin: .*the newer model as of 2020-06-01.*--force/),
      },
    });
    expect(readHistory()).toHaveLength(3);
  });

  it('a model that was rolled back is refused', async () => {
    await runInProcess(rollback, {}, store);
    damage();
    expect(await promoteHere('2020-06-01')).toMatchObject({
      status: 'refused',
      metrics: { reason: expect.stringContaining('this model was rolled back at') },
    });
  });

  it.each(['2020-06-01', '2020-07-01'])(
    'the model as of %s is promoted without a comparison',
    async (date) => {
      expect(await promoteHere(date)).toMatchObject({
        status: 'done',
        checks: [],
        metrics: {
          champion_as_of: date,
          reason: expect.stringMatching(
            /model\.bin: .*not compared with the champion, the model as of 2020-06-01/,
          ),
        },
      });
      expectChampion(date);
    },
  );

  it('an older model is promoted if forced', async () => {
    expect(await promoteHere('2020-03-01', true)).toMatchObject({ status: 'done' });
    expectChampion('2020-03-01');
  });
});

it('refuses an older model if model.bin cannot be read from the disk', async () => {
  addModels('2020-01-01', '2020-06-01');
  await promoteHere('2020-06-01');
  rmSync(join(store, 'model.bin'));
  mkdirSync(join(store, 'model.bin'));
  expect(await promoteHere('2020-01-01')).toMatchObject({
    status: 'refused',
    metrics: { champion_as_of: '2020-06-01', reason: expect.stringContaining('EISDIR') },
  });
});

it('replaces a damaged model.bin without history only if forced', async () => {
  addModels('2020-01-01');
  writeFileSync(join(store, 'model.bin'), 'damaged');
  expect(await promoteHere()).toMatchObject({
    status: 'refused',
    metrics: {
      champion_as_of: '',
      reason: expect.stringContaining('the history does not say which model it is; use --force'),
    },
  });
  expect(readFileSync(join(store, 'model.bin'), 'utf8')).toBe('damaged');
  await promoteHere(undefined, true);
  expectChampion('2020-01-01');
});

it('refuses a damaged model, and keeps the champion', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2019-01-01');
  const path = join(store, 'models/2020-01-01/model.bin');
  writeFileSync(path, readFileSync(path).subarray(0, -4));
  await expect(promoteHere()).rejects.toThrow(PermanentError);
  await expect(promoteHere()).rejects.toThrow(`${path}: `);
  await expect(promoteHere()).rejects.toThrow(
    'run train --as-of 2020-01-01 again, which puts this one aside',
  );
  expectChampion('2019-01-01');
});

it('refuses if there are no models, and says what to run', async () => {
  await expect(promoteHere()).rejects.toThrow(
    new PermanentError(`${store}/models: there are no models in this store; run train first`),
  );
});

it('refuses a date without a model, and names it', async () => {
  addModels('2020-01-01');
  await expect(promoteHere('2019-01-01')).rejects.toThrow(PermanentError);
  await expect(promoteHere('2019-01-01')).rejects.toThrow('2019-01-01');
  expect(existsSync(join(store, 'champion.json'))).toBe(false);
});

// The last volume is 2 and its vol_moving_avg 51; all others are 100. The error is 49 in one of
// five rows, 9.8 on average.
describe('the first model', () => {
  const gates = { ...GATES, maxCoverage: 0.9 };
  const promoteFirst = (outputs: [number, number, number], force = false) => {
    addModel(store, outputs, '2020-01-01');
    return runInProcess(promote, { force, gates }, store);
  };
  beforeEach(async () => {
    store = (await ingestFiles({ 'stocks/A.csv': csvOfVolumes(100, 100, 100, 100, 100, 2) })).store;
    await runInProcess(features, { window: 2 }, store);
  });

  // It predicts vol_moving_avg. On the scale of 1 + x four of the five volumes are between half and
  // twice that.
  it('is promoted if its coverage is within bounds', async () => {
    expect(await promoteFirst([0, 0, 0])).toMatchObject({
      status: 'done',
      metrics: {
        champion_as_of: '2020-01-01',
        reason:
          'no model was in service; its MAE is 9.8, that of vol_moving_avg 9.8, on 5 rows from 2019-10-09 to 2020-01-06, some of which trained or calibrated it',
        block_rows: 5,
        block_unseen: 'false',
        coverage_challenger: 0.8,
      },
      checks: [
        { name: 'mae_is_within_vol_moving_avg', severity: 'warn', passed: true, value: 1 },
        { name: 'coverage_is_within_gate', passed: true, value: 0.8 },
      ],
    });
    expectChampion('2020-01-01');
  });

  // 1.4 * 101 - 1 is 140, an error of 40; 1.4 * 52 - 1 is 72, an error of 70. The mean is
  // (4 * 40 + 70) / 5 = 46.
  it('is promoted with a warning if its MAE is above that of vol_moving_avg', async () => {
    expect(await promoteFirst([Math.log(1.4), 0, 0])).toMatchObject({
      status: 'done',
      metrics: { mae_challenger: 46, mae_vol_moving_avg: 9.8 },
      checks: [
        { name: 'mae_is_within_vol_moving_avg', severity: 'warn', passed: false, value: 46 / 9.8 },
        { passed: true },
      ],
    });
    expectChampion('2020-01-01');
  });

  // First p10 and p90 equal the predictions, 201 and 103. Then they are more than e^3 times lower
  // and higher, so that 2 is between 1.6 and 1,043.
  it.each<[string, [number, number, number], string]>([
    ['below', [Math.LN2, -20, -20], '0.0 %'],
    ['above', [0, 3, 3], '100.0 %'],
  ])(
    'is refused if its coverage is %s the bounds, and no model is in service',
    async (_kind, outputs, share) => {
      const before = hashStore(store);
      expect(await promoteFirst(outputs)).toMatchObject({
        status: 'refused',
        outputs: [],
        metrics: {
          champion_as_of: '',
          reason: expect.stringContaining(
            `calibrated it: ${share} of the volumes are between its p10 and p90; --min-coverage is 0.7, --max-coverage 0.9; train on more rows, or use --force`,
          ),
        },
        checks: [{}, { name: 'coverage_is_within_gate', passed: false }],
      });
      expect(hashStore(store)).toEqual({ ...before, ...hashStore(store, 'models') });
    },
  );

  it('is promoted if forced', async () => {
    expect(await promoteFirst([Math.LN2, -20, -20], true)).toMatchObject({ status: 'done', checks: [] });
    expectChampion('2020-01-01');
  });

  it('cannot be measured without features', async () => {
    rmSync(join(store, 'features'), { recursive: true });
    await expect(promoteFirst([0, 0, 0])).rejects.toThrow('run features first');
  });
});

// vol_moving_avg and the volume are 100. ln 2 predicts 2 * 101 - 1 = 201, an error of 101; ln 1.4
// predicts 140.4.
describe('a challenger that is worse on the newest rows', () => {
  beforeEach(async () => {
    addModel(store, [Math.log(1.4), 0, 0], '2019-01-01');
    addModel(store, [Math.LN2, 1, 1], '2020-01-01');
    await promoteHere('2019-01-01');
  });

  it('is refused with the reason and the rows, and the champion stays', async () => {
    const { stderr } = await succeed(['promote', '--store', store]);
    expect(stderr).toContain(
      "better on 2 rows from 2019-10-06 to 2020-01-03, some of which trained or calibrated one of the models: its MAE is 101.0, 2.5250 times the champion's 40.0; --max-mae-ratio is 1.02",
    );
    expectChampion('2019-01-01');
    expect(readHistory()).toHaveLength(1);
  });

  it('is refused in the result', async () => {
    expect(await promoteHere()).toMatchObject({
      status: 'refused',
      metrics: { champion_as_of: '2019-01-01', mae_challenger: 101, mae_champion: 40, block_rows: 2 },
      checks: [
        { name: 'mae_is_within_gate', passed: false, value: 101 / 40 },
        { name: 'rmsle_is_within_gate', passed: false },
        { name: 'coverage_is_within_gate', passed: true },
      ],
    });
  });

  it('passes wider gates', async () => {
    await succeed(['promote', '--store', store, '--max-mae-ratio', '3', '--max-rmsle-ratio', '3']);
    expectChampion('2020-01-01');
  });

  it('is promoted if forced', async () => {
    await promoteHere(undefined, true);
    expectChampion('2020-01-01');
  });

  it('cannot be measured without features', async () => {
    rmSync(join(store, 'features'), { recursive: true });
    await expect(promoteHere()).rejects.toThrow('run features first');
    expectChampion('2019-01-01');
  });
});

// Each symbol has a row per day from 2020-01-01 to 2020-10-26.
describe('the rows that two models are compared on', () => {
  const compareOver = async (symbols: number, unseenFrom: string, provenance?: Record<string, string>) => {
    const files = Object.fromEntries(
      Array.from({ length: symbols }, (_, index) => [
        `stocks/S${index}.csv`,
        csvOfVolumes(...Array(300).fill(100)),
      ]),
    );
    store = (await ingestFiles(files)).store;
    await runInProcess(features, { window: 2 }, store);
    addModel(store, [0, 0, 0], '2019-01-01');
    addModel(store, [0, 1, 1], unseenFrom, provenance);
    await promoteHere('2019-01-01');
    return (await promoteHere()).metrics;
  };

  // The newest 90 days are from 2020-07-29 to 2020-10-26.
  it('are those of the newest 90 days if no model has seen any of them', async () => {
    expect(await compareOver(4, '2020-07-29')).toMatchObject({
      block_from: '2020-07-29',
      block_rows: 4 * 90,
      block_unseen: 'true',
    });
  });

  it('begin at the as-of date of the newer model if there are 1,000 rows from there on', async () => {
    expect(await compareOver(20, '2020-09-07')).toMatchObject({
      block_from: '2020-09-07',
      block_rows: 20 * 50,
      block_unseen: 'true',
    });
  });

  it('begin at the end of calibration, not of training', async () => {
    const split = { validation_from: '2020-07-01', measure_from: '2020-09-07' };
    expect(await compareOver(20, '2020-10-01', split)).toMatchObject({
      block_from: '2020-09-07',
      block_rows: 20 * 50,
      block_unseen: 'true',
    });
  });

  it('are those of all 90 days if fewer than 1,000 are unseen, and the result says so', async () => {
    expect(await compareOver(20, '2020-09-08')).toMatchObject({
      block_from: '2020-07-29',
      block_rows: 20 * 90,
      block_unseen: 'false',
    });
  });
});

it('a champion that a killed run left out of the history is added to it as found', async () => {
  addModels('2019-01-01', '2020-01-01', '2020-02-01');
  await promoteHere('2019-01-01');
  // The state after a run that was killed between model.bin and champion.json.
  writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'models/2020-01-01/model.bin')));
  expect(await promoteHere('2020-01-01')).toMatchObject({ status: 'done' });
  expectChampion('2020-01-01');
  const changes = () => readHistory().map(({ by, from, to }) => [by, from?.as_of, to.as_of]);
  expect(changes()).toEqual([
    ['promote', undefined, '2019-01-01'],
    ['found', '2019-01-01', '2020-01-01'],
  ]);
  expect(await promoteHere('2020-01-01')).toMatchObject({ status: 'up_to_date' });
  expect(changes()).toHaveLength(2);
  await runInProcess(rollback, {}, store);
  expectChampion('2019-01-01');
});

describe('rollback', () => {
  const rollBack = () => runInProcess(rollback, {}, store);
  beforeEach(async () => {
    addModels('2019-01-01', '2020-01-01', '2020-02-01');
    for (const date of ['2019-01-01', '2020-01-01', '2020-02-01']) await promoteHere(date);
  });

  it('puts the previous champion back, and the one before that the second time', async () => {
    expect(await rollBack()).toMatchObject({ metrics: { champion_as_of: '2020-01-01' } });
    expectChampion('2020-01-01');
    await rollBack();
    expectChampion('2019-01-01');
    await expect(rollBack()).rejects.toThrow('no model was in service before the one as of 2019-01-01');
    expectChampion('2019-01-01');
  });

  it('is not undone by promote unless forced', async () => {
    await rollBack();
    expect(await promoteHere('2020-02-01')).toMatchObject({ status: 'refused' });
    expectChampion('2020-01-01');
    await promoteHere('2020-02-01', true);
    expectChampion('2020-02-01');
  });

  it('that was killed is completed by the next one, which does no more', async () => {
    // The state after a run that was killed between model.bin and champion.json.
    writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'models/2020-01-01/model.bin')));
    expect(await rollBack()).toMatchObject({
      metrics: { champion_as_of: '2020-01-01', rolled_back_as_of: '2020-02-01' },
    });
    expectChampion('2020-01-01');
    expect(readHistory().map(({ by, to }) => [by, to.as_of])).toEqual([
      ['promote', '2019-01-01'],
      ['promote', '2020-01-01'],
      ['promote', '2020-02-01'],
      ['rollback', '2020-01-01'],
    ]);
    expect(await promoteHere('2020-02-01')).toMatchObject({ status: 'refused' });
    await rollBack();
    expectChampion('2019-01-01');
  });

  it('that was killed is also completed by promote, which does not undo it', async () => {
    writeFileSync(join(store, 'model.bin'), readFileSync(join(store, 'models/2020-01-01/model.bin')));
    expect(await promoteHere('2020-02-01')).toMatchObject({ status: 'refused' });
    expectChampion('2020-01-01');
  });

  it('refuses if the previous model is gone, and keeps the champion', async () => {
    rmSync(join(store, 'models/2020-01-01'), { recursive: true });
    await expect(rollBack()).rejects.toThrow('is gone or damaged');
    await expect(rollBack()).rejects.toThrow(PermanentError);
    expectChampion('2020-02-01');
  });

  it('refuses if no model is in service', async () => {
    for (const file of ['model.bin', 'champion.json', 'champion-history.jsonl']) rmSync(join(store, file));
    await expect(rollBack()).rejects.toThrow(`${store}/model.bin: no model is in service; run promote first`);
  });

  it('is added to the history with its reason', async () => {
    await succeed(['rollback', '--store', store, '--why', 'it drifts']);
    expect(readHistory().map(({ by, from, to, why }) => [by, from?.as_of, to.as_of, why])).toEqual([
      [
        'promote',
        undefined,
        '2019-01-01',
        expect.stringContaining('no model was in service; its MAE is 0.0'),
      ],
      ['promote', '2019-01-01', '2020-01-01', expect.stringContaining("its MAE is 0.0, the champion's")],
      ['promote', '2020-01-01', '2020-02-01', expect.stringContaining("its MAE is 0.0, the champion's")],
      ['rollback', '2020-02-01', '2020-01-01', 'it drifts'],
    ]);
  });
});

it('models lists the models with their states, and the model that rollback would restore', async () => {
  addModels('2019-01-01', '2019-06-01', '2020-01-01', '2020-02-01');
  for (const date of ['2019-01-01', '2019-06-01', '2020-01-01']) await promoteHere(date);
  await runInProcess(rollback, {}, store);
  writeFileSync(join(store, 'models/2020-02-01/model.bin'), 'damaged');
  const { table, metrics } = await runTask(['models', '--store', store]);
  expect(table?.map(({ as_of, state }) => [as_of, state])).toEqual([
    ['2019-01-01', ''],
    ['2019-06-01', 'champion'],
    ['2020-01-01', 'rolled back'],
    ['2020-02-01', 'damaged'],
  ]);
  expect(metrics).toMatchObject({ champion_as_of: '2019-06-01', rollback_to_as_of: '2019-01-01' });
});

it('models marks the damaged folder of the champion, and shows its SHA-256', async () => {
  addModels('2019-01-01', '2020-01-01');
  await promoteHere('2020-01-01');
  const { sha256 } = JSON.parse(readFileSync(join(store, 'champion.json'), 'utf8'));
  for (const date of ['2019-01-01', '2020-01-01'])
    writeFileSync(join(store, 'models', date, 'model.bin'), 'damaged');
  const { table } = await runTask(['models', '--store', store]);
  expect(table?.map(({ as_of, state, sha256 }) => [as_of, state, sha256])).toEqual([
    ['2019-01-01', 'damaged', null],
    ['2020-01-01', 'champion, damaged', sha256],
  ]);
});

function readHistory(): ChampionChange[] {
  const lines = readFileSync(join(store, 'champion-history.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Adds models with different weights but almost the same predictions. */
function addModels(...dates: string[]): void {
  for (const date of dates) addModel(store, [Number(date.slice(2, 7).replace('-', '')) / 1e6, 0, 0], date);
}

function promoteHere(asOf?: string, force = false): Promise<TaskResult> {
  return runInProcess(promote, { asOf, force, gates: GATES }, store);
}

/** The model file as of 2020-06-01 with another format in its header. */
function modelOfFormat(format: string): Buffer {
  const bytes = readFileSync(join(store, 'models/2020-06-01/model.bin'));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  header.__metadata__.format = format;
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, bytes.subarray(8 + length)]);
}

function expectChampion(date: string): void {
  const bytes = readFileSync(join(store, 'models', date, 'model.bin'));
  expect(readFileSync(join(store, 'model.bin')).equals(bytes)).toBe(true);
  expect(JSON.parse(readFileSync(join(store, 'champion.json'), 'utf8'))).toMatchObject({
    as_of: date,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
}
