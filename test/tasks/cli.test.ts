import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shardOf } from '../../tasks/store/shards.ts';
import { tasks } from '../../tasks/tasks.ts';
import { runCli, runTask, start, succeed } from '../support/command.ts';
import { csvOfVolumes, type Files, hashStore, makeFolder, makeSource } from '../support/fixtures.ts';

const FILES: Files = { 'stocks/A.csv': csvOfVolumes(1, 2, 3) };

function shardsOf(store: string): number {
  return Object.keys(hashStore(store)).filter((name) => name.endsWith('.parquet')).length;
}

describe('options', () => {
  test.each<[string, string[], string]>([
    ['no task', [], 'the task is missing; use, for example, node tasks/cli.ts ingest'],
    ['an unknown task', ['inject'], 'inject'],
    ['an unknown option', ['ingest', '--sauce', 'x'], 'sauce'],
    [
      'an invalid value',
      ['train', '--as-of', '2020-02-30'],
      '--as-of 2020-02-30 is not valid; use a date as YYYY-MM-DD',
    ],
    [
      'a switch that is neither true nor false',
      ['ingest', '--quarantine=maybe'],
      '--quarantine maybe is not valid; use true or false',
    ],
    [
      'an unknown log level',
      ['ingest', '--log-level', 'loud'],
      '--log-level loud is not valid; use error, warn, info or debug',
    ],
  ])('with %s end with exit code 2', async (_kind, args, message) => {
    const ended = await runCli(args, { STORE: makeFolder() });
    expect(ended.message).toContain(message);
    expect(ended.code).toBe(2);
  });

  test('can also be set in the environment', async () => {
    const [store, folder] = [makeFolder(), makeFolder()];
    const result = join(folder, 'deep/result.json');
    const environment = { STORE: store, SOURCE: await makeSource(FILES), SHARDS: '3', RESULT: result };
    await succeed(['ingest'], { ...environment, THREADS: '1', MEMORY_LIMIT: '500MB' });
    const { outputs } = JSON.parse(await readFile(result, 'utf8'));
    expect(outputs[0].uri.startsWith(join(store, 'prices'))).toBe(true);
    expect(shardsOf(store)).toBe(3);
  });

  test('in the environment are checked in the same way', async () => {
    const ended = await runCli(['train', '--store', makeFolder()], { AS_OF: '2020-02-30' });
    expect(ended).toMatchObject({
      code: 2,
      message: 'AS_OF=2020-02-30 is not valid; use a date as YYYY-MM-DD',
    });
  });

  test('on the command line take precedence over the environment', async () => {
    const store = makeFolder();
    const args = ['ingest', '--source', await makeSource(FILES), '--store', store, '--shards', '2'];
    const result = await runTask(args, { SHARDS: '5', SOURCE: '/nowhere' });
    expect(result.outputs[0]?.rows).toBe(3);
    expect(shardsOf(store)).toBe(2);
  });

  test('in the environment can select the shards to make', async () => {
    const environment = { STORE: makeFolder(), SOURCE: await makeSource(FILES), SHARD: '1/4' };
    const result = await runTask(['ingest', '--shards', '4'], environment);
    expect(result.outputs[0]?.rows).toBe(shardOf('A', 4) === 0 ? 3 : 0);
  });
});

describe('--help', () => {
  test('of each task shows its options', async () => {
    const common = ['store', 'result', 'threads', 'memory-limit', 'log-level'];
    const names = Object.keys(tasks);
    const ended = await Promise.all(names.map((name) => succeed([name, '--help'])));
    for (const [index, { options }] of Object.values(tasks).entries()) {
      for (const option of [...Object.keys(options), ...common])
        expect(ended[index]?.stdout, names[index]).toContain(`--${option}`);
    }
  });

  test('shows each task and the exit codes', async () => {
    const { stdout } = await succeed(['--help']);
    for (const name of [...Object.keys(tasks), 'pipeline']) expect(stdout).toContain(name);
    expect(stdout).toMatch(/143/);
  });
});

describe('the result file', () => {
  test('on a full device ends the run with exit code 2', async () => {
    const args = ['ingest', '--store', makeFolder(), '--source', await makeSource(FILES)];
    const { code, message } = await runCli([...args, '--result', '/dev/full']);
    expect(message).toContain('no space left on the device');
    expect(code).toBe(2);
  });

  test('is not written by a run that fails', async () => {
    const file = join(makeFolder(), 'result.json');
    await writeFile(file, 'older');
    expect((await runCli(['features', '--store', makeFolder(), '--result', file])).code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('older');
  });

  test('can be written to standard output', async () => {
    const ingest = `node tasks/cli.ts ingest --store ${makeFolder()} --source ${await makeSource(FILES)}`;
    // A pipe, as in a container. Node gives a child a socket, which cannot be opened as
    // /dev/stdout.
    const { stdout } = await start('sh', ['-c', `${ingest} --result /dev/stdout | cat`]).ended;
    expect(JSON.parse(stdout)).toMatchObject({ task: 'ingest', status: 'done' });
  });
});

test('without a terminal a run logs JSON lines to standard error and to a file, and prints nothing', async () => {
  const store = makeFolder();
  const { stdout, stderr } = await succeed(['ingest', '--store', store, '--source', await makeSource(FILES)]);
  expect(stdout).toBe('');
  for (const text of [stderr, await readFile(join(store, 'logs/ingest.log'), 'utf8')]) {
    const lines = text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
      level: 'info',
      message: 'ingest: done',
      rows_in: 3,
    });
  }
});
