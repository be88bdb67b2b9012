import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tasks } from '../tasks/tasks.ts';
import { ROOT, runCli, scratchOf, snapshot, start, startCli, until } from './command.ts';

const STAGES = ['ingest', 'features', 'train', 'promote'];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipeline-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the pipeline', () => {
  const { store, stdout } = inject('sample');

  it('prints what each task did, and one prediction', () => {
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s{2,}|\s*[|│]\s*/));
    for (const stage of STAGES) {
      const row = rows.find((cells) => cells.includes(stage));
      expect(row, stage).toContain('done');
    }
    // As many as `unzip -p data/sample.zip '*/*.csv' | grep -c '^[12]'` counts.
    expect(stdout.match(/122,810/g)).toHaveLength(2);
    const [question, answer] = stdout.trim().split('\n').slice(-2);
    expect(question).toBe('GET /predict?vol_moving_avg=12345&adj_close_rolling_med=25');
    expect(answer).toMatch(/^[1-9]\d*$/);
  });

  it('finds everything up to date the second time, gives the same answer and changes nothing', async () => {
    const before = snapshot(store, 'prices', 'features', 'models');
    const again = await runCli(['pipeline', '--store', store]);
    expect(again.code).toBe(0);
    expect(again.stdout.match(/up to date/g)).toHaveLength(STAGES.length);
    expect(again.stdout.trim().split('\n').at(-1)).toBe(stdout.trim().split('\n').at(-1));
    expect(snapshot(store, 'prices', 'features', 'models')).toEqual(before);
  });

  it('ends with the exit code and the words of the task that failed', async () => {
    const { code, stdout, stderr } = await runCli([
      'pipeline',
      '--store',
      folder,
      '--source',
      '/nowhere.zip',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('/nowhere.zip: no such file or folder');
    expect(stderr).toContain('ingest failed');
    expect(stdout).toBe('');
  });

  it('takes the task that runs with it when it is told to stop', async () => {
    const store = join(folder, 'stopped');
    const running = startCli(['pipeline', '--store', store], { TMPDIR: folder });
    const losses = await until(() => findLosses(store), 'training');
    const told = performance.now();
    running.process.kill('SIGTERM');
    // Its standard error closes once the last process that writes to it is gone.
    expect((await running.ended).code).toBe(143);
    expect(performance.now() - told).toBeLessThan(3_000);
    expect(existsSync(losses)).toBe(false);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith('stock-market-'))).toEqual([]);
  });

  function findLosses(store: string): string | undefined {
    if (!existsSync(join(store, 'features/latest.json'))) return undefined;
    const files = scratchOf(store).map((name) => join(store, 'tmp', name, 'losses.csv'));
    return files.find((file) => existsSync(file));
  }
});

describe('the command line', () => {
  it.each(Object.entries(tasks))('--help of %s names each of its options', async (name, { options }) => {
    const { code, stdout } = await runCli([name, '--help']);
    expect(code).toBe(0);
    const common = ['store', 'result', 'threads', 'memory-limit', 'log-level'];
    for (const option of [...Object.keys(options), ...common]) expect(stdout).toContain(`--${option}`);
  });

  it('--help names each task and the exit codes', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const name of [...Object.keys(tasks), 'pipeline']) expect(stdout).toContain(name);
    expect(stdout).toMatch(/143/);
  });
});

describe('options in the environment', () => {
  it('are taken like those on the command line', async () => {
    const store = join(folder, 'environment');
    const result = join(folder, 'environment.json');
    const environment = { STORE: store, RESULT: result, SHARDS: '3', THREADS: '1', MEMORY_LIMIT: '500MB' };
    expect(await runCli(['ingest'], environment)).toMatchObject({ code: 0 });
    const { outputs } = JSON.parse(readFileSync(result, 'utf8'));
    expect(outputs[0].uri.startsWith(`${store}/prices/`)).toBe(true);
    const shards = Object.keys(snapshot(store, 'prices')).filter((name) => name.endsWith('.parquet'));
    expect(shards).toHaveLength(3);
  });

  it('are refused for the same reasons', async () => {
    const { code, stderr } = await runCli(['train', '--store', folder], { AS_OF: '2020-02-30' });
    expect(code).toBe(2);
    expect(stderr).toContain('2020-02-30');
  });
});

describe('make run-task', () => {
  it('without TASK exits with 2 and shows how it is called', async () => {
    const { code, stderr } = await start('make', ['-s', 'run-task']).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('make run-task TASK=features');
  });

  it('hands the exit code 2 and the message of the task on', async () => {
    const store = join(folder, 'make store');
    const { code, stderr } = await start('make', [
      '-s',
      '-C',
      ROOT,
      'run-task',
      'TASK=features',
      `STORE=${store}`,
    ]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`${store}/prices: there are no prices in this store; run ingest first`);
  });
});
