import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { runCli, start, startCli, succeed, until } from '../support/command.ts';
import { csvOfVolumes, hashStore, listScratch, makeFolder, makeSource } from '../support/fixtures.ts';

const STAGES = ['ingest', 'features', 'train', 'promote'];

describe('the pipeline', () => {
  const { store, stdout } = inject('sample');

  it('prints the result of each task, and one prediction', () => {
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s{2,}|\s*[|│]\s*/));
    for (const stage of STAGES) {
      const row = rows.find((cells) => cells.includes(stage));
      expect(row, stage).toContain('done');
    }
    // The number that `unzip -p data/sample.zip '*/*.csv' | grep -c '^[12]'` prints.
    expect(stdout.match(/122,810/g)).toHaveLength(2);
    const [question, answer] = stdout.trim().split('\n').slice(-2);
    expect(question).toBe('GET /predict?vol_moving_avg=12345&adj_close_rolling_med=25');
    expect(answer).toMatch(/^[1-9]\d*$/);
  });

  it('finds everything up to date the second time, gives the same prediction and changes nothing', async () => {
    const before = hashStore(store);
    const again = await succeed(['pipeline', '--store', store]);
    expect(again.stdout.match(/up to date/g)).toHaveLength(STAGES.length);
    expect(again.stdout.trim().split('\n').at(-1)).toBe(stdout.trim().split('\n').at(-1));
    expect(hashStore(store)).toEqual(before);
  });

  it('says why the model was refused, and starts no server', async () => {
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(...Array(100).fill(100)) });
    const store = makeFolder();
    const { stdout } = await succeed(['pipeline', '--store', store, '--source', source]);
    expect(stdout).toContain(
      'No model is in service: this model does not qualify as the first in service on',
    );
    expect(stdout).not.toContain('GET ');
    expect(existsSync(join(store, 'model.bin'))).toBe(false);
  });

  it('puts a corrected model of the same date into service after a price was corrected, and rollback the older one', async () => {
    const volumes = Array.from({ length: 400 }, (_, day) => 1_000 + ((day * 7_919) % 500));
    const rows = csvOfVolumes(...volumes).split('\n');
    const files = { 'stocks/A.csv': rows.join('\n'), 'stocks/B.csv': csvOfVolumes(...volumes.toReversed()) };
    const source = await makeSource(files);
    const store = makeFolder();
    // Any coverage passes, so that only the errors decide.
    const environment = { MIN_COVERAGE: '0', MAX_COVERAGE: '1' };
    const runPipeline = () => succeed(['pipeline', '--store', store, '--source', source], environment);
    const read = (name: string) => readFileSync(join(store, name));
    await runPipeline();
    const older = read('model.bin');
    const { as_of } = JSON.parse(read('champion.json').toString());

    rows[200] = rows[200]?.replace(',1,1,1,1,1,', ',1,1,1,1,2,') as string;
    await makeSource({ ...files, 'stocks/A.csv': rows.join('\n') }, source);
    const { stdout } = await runPipeline();
    expect(stdout).toContain(`The model as of ${as_of} is in service.`);
    expect(read('model.bin')).toEqual(read(`models/${as_of}/model.bin`));
    expect(read('model.bin').equals(older)).toBe(false);
    const aside = `${as_of}.${createHash('sha256').update(older).digest('hex').slice(0, 16)}`;
    expect(readdirSync(join(store, 'models'))).toEqual([as_of, aside]);
    expect(read(`models/${aside}/model.bin`)).toEqual(older);
    const features = JSON.parse(read('features/latest.json').toString()).key;
    expect(JSON.parse(read('champion.json').toString())).toMatchObject({ as_of, features_key: features });

    await succeed(['rollback', '--store', store]);
    expect(read('model.bin')).toEqual(older);
  });

  it('says that a model of the same date stays in service if the corrected one is refused', async () => {
    const volumes = Array.from({ length: 400 }, (_, day) => 1_000 + ((day * 7_919) % 500));
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(...volumes) });
    const store = makeFolder();
    const args = ['pipeline', '--store', store, '--source', source];
    await succeed(args, { MIN_COVERAGE: '0', MAX_COVERAGE: '1' });
    const older = readFileSync(join(store, 'model.bin'));
    const { as_of } = JSON.parse(readFileSync(join(store, 'champion.json'), 'utf8'));
    await makeSource({ 'stocks/A.csv': csvOfVolumes(...volumes.with(200, 2_000)) }, source);
    const { stdout } = await succeed(args, { MIN_COVERAGE: '0', MAX_COVERAGE: '1', MAX_MAE_RATIO: '0' });
    expect(stdout).toContain(`The model as of ${as_of} stays in service: `);
    expect(stdout).not.toContain('is in service.');
    expect(readFileSync(join(store, 'model.bin'))).toEqual(older);
  });

  it('without a source uses what the store is made from, never the sample', async () => {
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(...Array(100).fill(100)) });
    const store = makeFolder();
    await succeed(['ingest', '--store', store, '--source', source]);
    const before = hashStore(store, 'prices', 'source.json');
    const { stdout } = await succeed(['pipeline', '--store', store]);
    expect(stdout).toMatch(/ingest +up to date +100 /);
    expect(hashStore(store, 'prices', 'source.json')).toEqual(before);
  });

  it('ends with the exit code and the message of the task that failed', async () => {
    const args = ['pipeline', '--store', makeFolder(), '--source', '/nowhere.zip'];
    const { code, stdout, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stderr).toContain('/nowhere.zip: no such file or folder');
    expect(stderr).toContain('ingest failed');
    expect(stdout).toBe('');
  });

  it('stops the running task when it gets SIGTERM', async () => {
    const folder = makeFolder();
    const store = join(folder, 'store');
    const running = startCli(['pipeline', '--store', store], { TMPDIR: folder });
    const losses = await until(() => findLosses(store), 'training');
    const signalled = performance.now();
    running.process.kill('SIGTERM');
    // Its standard error closes once the last process that writes to it is gone.
    expect((await running.ended).code).toBe(143);
    expect(performance.now() - signalled).toBeLessThan(3_000);
    expect(existsSync(losses)).toBe(true);
    expect(listScratch(store)).toEqual([]);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith('stock-market-'))).toEqual([]);
  });

  function findLosses(store: string): string | undefined {
    const runs = join(store, 'logs/train');
    if (!existsSync(runs)) return undefined;
    const files = readdirSync(runs, { recursive: true }).map(String);
    const losses = files.find((file) => file.endsWith('losses.csv'));
    return losses && join(runs, losses);
  }
});

describe('make run-task', () => {
  it('without TASK fails and shows how to call it', async () => {
    const { code, stderr } = await start('make', ['-s', 'run-task']).ended;
    expect(code).not.toBe(0);
    expect(stderr).toContain('make run-task TASK=features');
  });

  it('passes the options to the task, and shows its message', async () => {
    const store = join(makeFolder(), 'a "store" of `ana`\'s');
    const { stderr } = await start('make', ['-s', 'run-task', 'TASK=features', `STORE=${store}`]).ended;
    const message = `${store}: there is no store here; check --store, or run ingest first`;
    expect(stderr).toContain(JSON.stringify(message).slice(1, -1));
  });
});
