import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shardOf } from '../tasks/shards.ts';
import { csvOfVolumes, type Files, hashStore, makeFolder, makeSource, runCli, runTask } from './fixtures.ts';

const FILES: Files = { 'stocks/A.csv': csvOfVolumes(1, 2, 3) };

describe('options', () => {
  test.each<[string, string[], string]>([
    ['no task', [], 'which task? For example: node tasks/cli.ts ingest'],
    ['an unknown task', ['inject'], 'inject'],
    ['an unknown option', ['ingest', '--sauce', 'x'], 'sauce'],
    ['no shard', ['ingest', '--shards', '0'], '--shards 0: give a whole number from 1 on'],
    ['half a shard', ['ingest', '--shards', '1.5'], '--shards 1.5: give a whole number from 1 on'],
    ['a word for a number', ['features', '--window', 'wide'], '--window wide: give a whole number from 1 on'],
    ['a shard beyond the last', ['ingest', '--shard', '4/3'], '--shard 4/3: give it as i/n with 1 <= i <= n'],
    [
      'a shard before the first',
      ['ingest', '--shard', '0/3'],
      '--shard 0/3: give it as i/n with 1 <= i <= n',
    ],
    [
      'memory without a unit',
      ['ingest', '--memory-limit', '1'],
      '--memory-limit 1: give a number with a unit',
    ],
    ['a log level of its own', ['ingest', '--log-level', 'loud'], 'log-level'],
    [
      'a store of another kind',
      ['ingest', '--store', 's3://bucket/x'],
      '--store s3://bucket/x: only a local folder',
    ],
  ])('end with exit code 2 at %s', async (_kind, args, message) => {
    const ending = await runCli(args, { STORE: await makeFolder() });
    expect(ending.message).toContain(message);
    expect(ending.code).toBe(2);
  });

  test('come from the environment, too', async () => {
    const [store, source, folder] = [await makeFolder(), await makeSource(FILES), await makeFolder()];
    const environment = {
      STORE: store,
      SOURCE: source,
      SHARDS: '3',
      RESULT: join(folder, 'deep/result.json'),
    };
    expect((await runCli(['ingest'], environment)).code).toBe(0);
    const result = JSON.parse(await readFile(join(folder, 'deep/result.json'), 'utf8'));
    expect(result.outputs[0].uri.startsWith(join(store, 'prices'))).toBe(true);
    expect(Object.keys(await hashStore(store)).filter((name) => name.endsWith('.parquet')).length).toBe(3);
  });

  test('on the command line go before the environment', async () => {
    const store = await makeFolder();
    const result = await runTask(
      ['ingest', '--source', await makeSource(FILES), '--store', store, '--shards', '2'],
      { SHARDS: '5', SOURCE: '/nowhere' },
    );
    expect(result.outputs[0]?.rows).toBe(3);
    expect(Object.keys(await hashStore(store)).filter((name) => name.endsWith('.parquet')).length).toBe(2);
  });

  test('that are switches take true and 1 from the environment, and refuse other words', async () => {
    const source = await makeSource({ 'stocks/A.csv': 'junk' });
    const run = async (word: string) =>
      runCli(['ingest', '--shards', '1'], { SOURCE: source, STORE: await makeFolder(), QUARANTINE: word });
    expect((await run('true')).code).toBe(0);
    expect((await run('1')).code).toBe(0);
    expect((await run('')).code).toBe(2);
    expect(await run('yes')).toMatchObject({ code: 2, message: 'QUARANTINE=yes: give true or false' });
  });

  test('say from the environment which part to make', async () => {
    const result = await runTask(['ingest', '--shards', '4'], {
      STORE: await makeFolder(),
      SOURCE: await makeSource(FILES),
      SHARD: '1/4',
    });
    expect(result.outputs[0]?.rows).toBe(shardOf('A', 4) === 0 ? 3 : 0);
  });

  test('are explained by --help', async () => {
    const { code, stdout } = await runCli(['ingest', '--help']);
    expect(code).toBe(0);
    for (const option of [
      '--source',
      '--shards',
      '--quarantine',
      '--shard',
      '--store',
      '--result',
      '--threads',
    ])
      expect(stdout).toContain(option);
  });
});

describe('the store', () => {
  test.each([
    ['lies below a file', 'file/store'],
    ['is a file', 'file'],
  ])('that %s cannot be written', async (_kind, name) => {
    const folder = await makeFolder();
    await writeFile(join(folder, 'file'), 'mine');
    const store = join(folder, name);
    const { code, message } = await runCli(['ingest', '--store', store, '--source', await makeSource(FILES)]);
    expect(message).toContain(`${store}: the store cannot be written; point --store to a writable folder`);
    expect(code).toBe(2);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('mine');
  });

  // In a mount namespace of its own a process may mount a disk; some machines do not allow that.
  const mayMount = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;

  test.skipIf(!mayMount)('on a full disk ends with exit code 2 and publishes nothing', async () => {
    const { code, message, listed } = await ingestOnDisk('size=256k');
    expect(message).toMatch(/no space left on the device; free some, or use a larger disk/);
    expect(code).toBe(2);
    expect(listed).not.toMatch(/latest\.json/);
    expect(listed).not.toMatch(/tmp\/./);
  });

  test.skipIf(!mayMount)('on a read-only disk ends with exit code 2', async () => {
    const { code, message } = await ingestOnDisk('ro');
    expect(message).toContain('the store cannot be written; point --store to a writable folder');
    expect(code).toBe(2);
  });

  /** Ingests incompressible prices into a store on a disk that is mounted with these options. */
  async function ingestOnDisk(mount: string) {
    const folder = await makeFolder();
    await mkdir(join(folder, 'disk'));
    const volumes = Array.from({ length: 100_000 }, (_, index) =>
      Math.floor(2 ** 40 * Math.abs(Math.sin(index))),
    );
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(...volumes) });
    const script = `mount -t tmpfs -o ${mount} tmpfs ${folder}/disk || exit 99
      node tasks/cli.ts ingest --shards 1 --store ${folder}/disk/store --source ${source}; code=$?
      cd ${folder}/disk && find . ; exit $code`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'sh', '-c', script],
      { encoding: 'utf8', env: { PATH: process.env.PATH } },
    );
    return {
      code: status,
      listed: stdout,
      message: String(JSON.parse(stderr.trim().split('\n').at(-1) ?? '{}').message),
    };
  }
});

describe('the result file', () => {
  test('on a full device ends the run with exit code 2', async () => {
    const { code, message } = await runCli([
      'ingest',
      '--store',
      await makeFolder(),
      '--source',
      await makeSource(FILES),
      '--result',
      '/dev/full',
    ]);
    expect(message).toContain('no space left on the device');
    expect(code).toBe(2);
  });

  test('is not written by a run that fails', async () => {
    const file = join(await makeFolder(), 'result.json');
    await writeFile(file, 'older');
    expect((await runCli(['features', '--store', await makeFolder(), '--result', file])).code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('older');
  });

  test('goes to standard output when asked to', async () => {
    const ingest = `node tasks/cli.ts ingest --store ${await makeFolder()} --source ${await makeSource(FILES)}`;
    // A pipe, as in a container: what Node gives a child is a socket, which nobody can open by its name.
    const { stdout } = spawnSync('sh', ['-c', `${ingest} --result /dev/stdout | cat`], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    expect(JSON.parse(stdout)).toMatchObject({ task: 'ingest', status: 'done' });
  });
});

test('a run that is not on a terminal logs a JSON object a line, and nothing to standard output', async () => {
  const { stdout, stderr } = await runCli([
    'ingest',
    '--store',
    await makeFolder(),
    '--source',
    await makeSource(FILES),
  ]);
  expect(stdout).toBe('');
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'ingest: done', rows_in: 3 });
});
