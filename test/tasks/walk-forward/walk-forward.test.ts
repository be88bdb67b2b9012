import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { formatCount } from '../../../tasks/lib/table.ts';
import { runCli, runTask, succeed } from '../../support/command.ts';
import { csv, hashStore, ingestFiles, makeFolder, runInProcess } from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

// vol_moving_avg over two rows is 15, 30, 50 and 530. B never has a full window.
const FILES = {
  'stocks/A.csv': csv(
    '2020-01-30,1,1,1,1,1,10',
    '2020-01-31,1,1,1,1,1,20',
    '2020-02-01,1,1,1,1,1,40',
    '2020-02-29,1,1,1,1,1,60',
    '2020-03-01,1,1,1,1,1,1000',
  ),
  'stocks/B.csv': csv('2020-02-01,1,1,1,1,1,7'),
};

const { store: sample } = inject('sample');

let store: string;
beforeEach(async () => {
  store = (await ingestFiles(FILES)).store;
  await runInProcess(features, { window: 2 }, store);
});

describe('walk-forward', () => {
  it('scores each model and vol_moving_avg on the month that begins on its as-of date', async () => {
    // The predictions are 2 (1 + vol_moving_avg) - 1: 31, 61, 101 and 1061.
    for (const asOf of ['2020-02-01', '2020-01-31', '2020-03-01', '2020-03-02'])
      addModel(store, [Math.LN2, 0, 0], asOf);
    const { stdout } = await succeed(['walk-forward', '--store', store]);
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual([
      'as of',
      'rows',
      'MAE model',
      'MAE vol_moving_avg',
      'ratio',
      'RMSLE model',
      'RMSLE vol_moving_avg',
      'MAE multiple',
      'RMSLE multiple',
      'multiple',
      'coverage',
      'features',
    ]);
    const rmsle = (...ratios: number[]) =>
      Math.sqrt(ratios.reduce((sum, ratio) => sum + Math.log(ratio) ** 2, 0) / ratios.length).toFixed(3);
    expect(
      rows.map((row) =>
        row
          .trim()
          .split(/\s{2,}/)
          .slice(0, 7),
      ),
    ).toEqual([
      // Until 2020-02-28. The errors are 11 and 21, those of vol_moving_avg 5 and 10.
      ['2020-01-31', '2', '16', '8', '2.133', rmsle(32 / 21, 62 / 41), rmsle(16 / 21, 31 / 41)],
      // With the leap day, without the first of March. The errors are 21 and 41, those of
      // vol_moving_avg 10 and 10.
      ['2020-02-01', '2', '31', '10', '3.100', rmsle(62 / 41, 102 / 61), rmsle(31 / 41, 51 / 61)],
      ['2020-03-01', '1', '61', '470', '0.130', rmsle(1062 / 1001), rmsle(531 / 1001)],
    ]);
  });

  it('compares each model with the best constant multiple before its as-of date', async () => {
    // Before 2020-02-01 there is only 20 / 15; before 2020-03-01 20 / 15, 40 / 30 and 60 / 50 with
    // weights 15, 30 and 50.
    for (const asOf of ['2020-01-31', '2020-02-01', '2020-03-01']) addModel(store, [Math.LN2, 0, 0], asOf);
    const { metrics } = await runTask(['walk-forward', '--store', store]);
    const page = readFileSync(join(store, 'walk-forward.md'), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| 2020'));
    const cells = rows.map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells.map(([, asOf, , , , , , , mae, , multiple]) => [asOf, mae, multiple])).toEqual([
      ['2020-01-31', '', ''],
      ['2020-02-01', formatCount((Math.abs(1.333 * 30 - 40) + Math.abs(1.333 * 50 - 60)) / 2), '1.333'],
      ['2020-03-01', formatCount(1000 - 1.2 * 530), '1.200'],
    ]);
    expect(metrics).toMatchObject({ months: 3, months_better_than_multiple: 1 });
    expect(readFileSync(join(store, 'walk-forward.svg'), 'utf8')).toContain('>2020-03-01</text>');
  });

  it('shows the coverage, and the features that a model was trained on', async () => {
    // p10 and p90 are ln 2 away from p50 = -ln 2: from (1 + vol_moving_avg) / 4 - 1 to
    // vol_moving_avg. vol_moving_avg is 200, 200, 500, 500 and 90: 300 and 900 are above, 100 is in
    // 49 to 200, 100 is below 124 to 500, 80 is in 22 to 90.
    const rows = [100, 300, 100, 900, 100, 80].map(
      (volume, index) => `2020-02-0${index + 2},1,1,1,1,1,${volume}`,
    );
    store = (await ingestFiles({ 'stocks/A.csv': csv(...rows) })).store;
    await runInProcess(features, { window: 2 }, store);
    addModel(store, [-Math.LN2, 0, 0], '2020-02-01', { features_key: 'fedcba9876543210' });
    const { table } = await runTask(['walk-forward', '--store', store]);
    expect(table).toMatchObject([
      { as_of: '2020-02-01', rows: 5, coverage: 2 / 5, features_key: 'fedcba9876543210' },
    ]);
    const [line = ''] = readFileSync(join(store, 'walk-forward.md'), 'utf8').match(/^\| 2020.*/m) ?? [];
    expect(line.split('|').slice(-3, -1)).toEqual([' 0.400 ', ' fedcba98 ']);
  });

  it('passes its options to training, and names the command that failed', async () => {
    const range = ['walk-forward', '--store', store, '--from', '1984-01', '--memory-limit', '1MB'];
    rmSync(join(store, 'features'), { recursive: true });
    cpSync(join(sample, 'features'), join(store, 'features'), { recursive: true });
    const { code, stderr, message } = await runCli([...range, '--log-level', 'error']);
    const { key } = JSON.parse(readFileSync(join(store, 'features/latest.json'), 'utf8'));
    expect(message).toContain(`train --as-of 1984-01-01 --features ${key} failed`);
    const levels = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(levels.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(levels[0].message).toContain('raise --memory-limit');
    expect(code).toBe(2);
  });

  it('counts the months in which a model was better', async () => {
    for (const asOf of ['2020-02-01', '2020-03-01']) addModel(store, [Math.LN2, 0, 0], asOf);
    expect(await runTask(['walk-forward', '--store', store])).toMatchObject({
      status: 'done',
      inputs: [{ name: 'features', rows: 6 }],
      metrics: { months: 2, months_better_than_vol_moving_avg: 1 },
    });
  });

  it('trains only the missing months', async () => {
    const range = ['walk-forward', '--store', store, '--from', '1984-01', '--to', '1984-02'];
    rmSync(join(store, 'features'), { recursive: true });
    cpSync(join(sample, 'features'), join(store, 'features'), { recursive: true });
    expect(await runTask(range)).toMatchObject({ metrics: { months: 2 } });
    expect(readdirSync(join(store, 'models'))).toEqual(['1984-01-01', '1984-02-01']);
    const before = hashStore(store);
    await succeed(range);
    expect(hashStore(store)).toEqual(before);
    expect(readdirSync(join(store, 'logs/train/1984-01-01'))).toEqual(['1']);
  });

  it.each([
    [['--from', '2018-13'], '--from 2018-13 is not valid; use a month as YYYY-MM'],
    [['--to', '2018-01'], '--to 2018-01 needs a --from that is not later'],
    [['--from', '2018-02', '--to', '2018-01'], '--to 2018-01 needs a --from that is not later'],
  ])('refuses %j', async (range, reason) => {
    const { code, message } = await runCli(['walk-forward', '--store', store, ...range]);
    expect(message).toContain(reason);
    expect(code).toBe(2);
  });

  it('names a damaged model and ends with exit code 2', async () => {
    addModel(store, [0, 0, 0], '2020-02-01');
    const folder = join(store, 'models/2020-03-01');
    mkdirSync(folder);
    writeFileSync(join(folder, 'model.bin'), 'damaged');
    const { code, message, stdout } = await runCli(['walk-forward', '--store', store]);
    expect(message).toContain(`${folder}/model.bin: `);
    expect(message).toContain('run train --as-of 2020-03-01 again, which puts this one aside');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('says to run train first, or features', async () => {
    expect(await runCli(['walk-forward', '--store', store])).toMatchObject({
      code: 2,
      message: `${store}/models: there are no models in this store; run train first`,
    });
    const empty = makeFolder();
    expect(await runCli(['walk-forward', '--store', empty])).toMatchObject({
      code: 2,
      message: `${empty}/features: there are no features in this store; run features first`,
    });
  });
});
