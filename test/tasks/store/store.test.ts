import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { Store } from '../../../tasks/store/store.ts';
import { type Running, runCli, SAMPLE, start, startCli, succeed, until } from '../../support/command.ts';
import { mayMount, runOnDisk } from '../../support/disk.ts';
import {
  csvOfVolumes,
  hashStore,
  ingestFiles,
  ingestInto,
  listScratch,
  makeFolder,
  makeSource,
  runInProcess,
} from '../../support/fixtures.ts';

const { store: sample } = inject('sample');

let root: string;
beforeEach(() => {
  root = makeFolder();
});

describe('publish', () => {
  it('shows readers a whole file or none, however often it is replaced', async () => {
    const store = await Store.open(root);
    const texts = ['a', 'b'].map((letter) => letter.repeat(1_000_000));
    const seen = new Set<string>();
    let publishing = true;
    const reader = (async () => {
      while (publishing) {
        seen.add(await readFile(store.locate('folder/text'), 'utf8').catch(() => 'nothing'));
      }
    })();
    for (let round = 0; round < 20; round++) {
      await store.publishText('folder/text', texts[round % 2] as string);
    }
    publishing = false;
    await reader;
    seen.delete('nothing');
    expect([...seen].every((text) => texts.includes(text))).toBe(true);
    expect(seen.size).toBeGreaterThan(0);
    expect(listScratch(root)).toEqual([]);
  });

  it('keeps the old content if publishing fails', async () => {
    const store = await Store.open(root);
    await store.publishText('text', 'old');
    await expect(store.publish(join(root, 'not there'), 'text')).rejects.toThrow('ENOENT');
    expect(readFileSync(join(root, 'text'), 'utf8')).toBe('old');
  });

  it('of a folder replaces the old one and never mixes the two', async () => {
    const store = await Store.open(root);
    const seen: string[][] = [];
    let publishing = true;
    const reader = (async () => {
      while (publishing) seen.push(await readdir(store.locate('folder')).catch(() => []));
    })();
    for (let round = 0; round < 20; round++) {
      await using scratch = await store.scratch();
      for (const name of ['x', 'y']) writeFileSync(join(scratch.path, `${name}${round}`), 'content');
      await store.publishFolder(scratch.path, 'folder');
    }
    publishing = false;
    await reader;
    const mixed = seen.filter((names) => new Set(names.map((name) => name.slice(1))).size > 1);
    expect(mixed).toEqual([]);
    expect(seen.every((names) => names.length === 0 || names.length === 2)).toBe(true);
    expect(readdirSync(join(root, 'folder')).sort()).toEqual(['x19', 'y19']);
    expect(listScratch(root)).toEqual([]);
  });

  it('of one folder by many processes at once leaves one of them, whole', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, number) => {
        const store = await Store.open(root);
        await using scratch = await store.scratch();
        for (const name of ['x', 'y']) writeFileSync(join(scratch.path, name), String(number));
        await store.publishFolder(scratch.path, 'models/2020-01-01');
      }),
    );
    const [x, y] = ['x', 'y'].map((name) => readFileSync(join(root, 'models/2020-01-01', name), 'utf8'));
    expect(x).toMatch(/^[0-7]$/);
    expect(y).toBe(x);
  });

  it('under a second name keeps the file when the first name is removed', async () => {
    const store = await Store.open(root);
    await store.publishText('one/text', 'content');
    await store.publishAgain('one/text', 'two/text');
    rmSync(join(root, 'one'), { recursive: true });
    expect(readFileSync(join(root, 'two/text'), 'utf8')).toBe('content');
  });
});

describe('withLock', () => {
  it('admits one holder at a time', async () => {
    let inside = 0;
    let max = 0;
    const visits = Array.from({ length: 5 }, async () => {
      const store = await Store.open(root);
      await store.withLock('door', async () => {
        max = Math.max(max, ++inside);
        await sleep(20);
        inside--;
      });
    });
    await Promise.all(visits);
    expect(max).toBe(1);
    expect(listScratch(root)).toEqual([]);
  });

  it('is released when the work fails', async () => {
    const store = await Store.open(root);
    const failing = store.withLock('door', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await store.withLock('door', async () => 'in')).toBe('in');
  });

  it('is released when its process is killed', async () => {
    const holder = startHolder(
      `store.withLock('door', () => { console.log('in'); return new Promise(() => {}); })`,
    );
    await firstLine(holder);
    const store = await Store.open(root);
    const entered = store.withLock('door', async () => 'in');
    expect(await Promise.race([entered, sleep(200, 'waiting')])).toBe('waiting');
    holder.process.kill('SIGKILL');
    expect(await entered).toBe('in');
  });
});

describe('scratch', () => {
  it('is removed on disposal', async () => {
    const store = await Store.open(root);
    {
      await using scratch = await store.scratch();
      writeFileSync(join(scratch.path, 'file'), 'content');
      expect(listScratch(root)).toContain(basename(scratch.path));
    }
    expect(listScratch(root)).toEqual([]);
  });

  it('is removed synchronously by removeScratch()', async () => {
    const store = await Store.open(root);
    await store.scratch();
    await store.scratch();
    store.removeScratch();
    expect(listScratch(root)).toEqual([]);
  });

  it('of a killed run is removed by the next run, but not that of a live one', async () => {
    const live = await (await Store.open(root)).scratch();
    const holder = startHolder('console.log((await store.scratch()).path)');
    const dead = await firstLine(holder);
    expect(existsSync(dead)).toBe(true);
    holder.process.kill('SIGKILL');
    await holder.ended;
    await Store.open(root);
    expect(existsSync(dead)).toBe(false);
    expect(existsSync(live.path)).toBe(true);
    await live[Symbol.asyncDispose]();
    expect(listScratch(root)).toEqual([]);
  });
});

describe('a lock in scratch', () => {
  it('without its folder is removed by the next run, unless a process holds it', async () => {
    const store = await Store.open(root);
    await using live = await store.scratch();
    rmSync(live.path, { recursive: true });
    writeFileSync(join(root, 'tmp/left.lock'), '');
    await Store.open(root);
    expect(listScratch(root)).toEqual([`${basename(live.path)}.lock`]);
  });
});

it('names a damaged JSON file', async () => {
  const store = await Store.open(root);
  await store.publishText('champion.json', '{"as_of"');
  await expect(store.readJson('champion.json')).rejects.toThrow(`${root}/champion.json is damaged`);
});

it.each([['features'], ['train'], ['promote'], ['rollback'], ['models'], ['prune'], ['walk-forward']])(
  '%s does not create a missing store',
  async (task) => {
    const store = join(root, 'typo');
    const { code, message } = await runCli([task, '--store', store]);
    expect(message).toBe(`${store}: there is no store here; check --store, or run ingest first`);
    expect(code).toBe(2);
    expect(existsSync(store)).toBe(false);
  },
);

describe('a store that is not writable is refused with exit code 2', () => {
  it.each([
    ['below a file', 'file/store'],
    ['that is a file', 'file'],
  ])('%s', async (_kind, name) => {
    writeFileSync(join(root, 'file'), 'mine');
    const store = join(root, name);
    const { code, message } = await runCli(['ingest', '--store', store]);
    expect(message).toContain(`${store} is not writable; use --store with a writable folder`);
    expect(code).toBe(2);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('mine');
  });

  it.skipIf(!mayMount())('on a read-only disk', async () => {
    const { code, message } = await runOnDisk('ro', 'node tasks/cli.ts ingest --store $DISK/store');
    expect(message).toContain('/store is not writable; use --store with a writable folder');
    expect(code).toBe(2);
  });
});

it.skipIf(!mayMount())('a full disk ends with exit code 2, and published files stay', async () => {
  const { store } = await ingestFiles({ 'stocks/TINY.csv': csvOfVolumes(1, 2, 3) });
  await runInProcess(features, { window: 2 }, store);
  const { code, stdout, stderr } = await runOnDisk(
    'size=1m',
    `cp -r ${store} $DISK/store
    node tasks/cli.ts ingest --store $DISK/store --source ${SAMPLE}; code=$?
    diff -r ${store} $DISK/store; ls -A $DISK/store/tmp; exit $code`,
  );
  expect(stderr).toContain('no space left on the device; free some, or use a larger disk');
  expect(code).toBe(2);
  // Some shards and the log are new. No file differs, is gone, or is in scratch.
  const changes = stdout.trim().split('\n');
  expect(
    changes.filter((line) => !/^Only in .*\/disk\/store(\/prices)?: (logs|[0-9a-f]{16})$/.test(line)),
  ).toEqual([]);
});

describe('a task that is stopped', () => {
  it.each([
    ['ingest', 'prices', 1],
    ['ingest', 'prices', 8],
    ['ingest', 'prices', 15],
    ['features', 'features', 8],
  ])(
    'by kill -9 in the middle of %s ends with the same %s when it is run again, from %i of 16 shards',
    async (...moment) => {
      const [task, dataset, shards] = moment;
      const store = await killAt(task, dataset, shards);
      const kept = hashStore(store, dataset);
      await succeed([task, '--store', store]);
      expect(hashStore(store, dataset)).toEqual(hashStore(sample, dataset));
      expect(hashStore(sample, dataset)).toMatchObject(kept);
    },
  );

  it.each(['ingest', 'features'])(
    'by SIGTERM in the middle of %s ends with 143 within 3 s, without scratch or a half-published shard',
    async (task) => {
      const dataset = task === 'ingest' ? 'prices' : 'features';
      if (task === 'features') cpSync(join(sample, 'prices'), join(root, 'prices'), { recursive: true });
      const running = startCli([task, '--store', root]);
      await until(() => countShards(root, dataset) > 1, `a shard of ${dataset}`);
      const signalled = performance.now();
      running.process.kill('SIGTERM');
      expect((await running.ended).code).toBe(143);
      expect(performance.now() - signalled).toBeLessThan(3_000);
      expect(listScratch(root)).toEqual([]);
      expect(existsSync(join(root, dataset, 'latest.json'))).toBe(false);
      expect(hashStore(sample, dataset)).toMatchObject(hashStore(root, dataset));
    },
  );

  /**
   * The store of a run that was killed once it had this many shards. Repeats if the run ended
   * first.
   */
  async function killAt(task: string, dataset: string, shards: number): Promise<string> {
    for (;;) {
      const store = makeFolder();
      if (task === 'features') cpSync(join(sample, 'prices'), join(store, 'prices'), { recursive: true });
      const running = startCli([task, '--store', store]);
      await until(() => countShards(store, dataset) >= shards, `${shards} shards of ${dataset}`);
      running.process.kill('SIGKILL');
      const { signal } = await running.ended;
      if (signal === 'SIGKILL' && !existsSync(join(store, dataset, 'latest.json'))) return store;
    }
  }

  function countShards(store: string, dataset: string): number {
    if (!existsSync(join(store, dataset))) return 0;
    const names = readdirSync(join(store, dataset), { recursive: true });
    return names.filter((name) => /shard-\d+\.json$/.test(String(name))).length;
  }
});

it('two pipelines at once on one store succeed, with the same bytes as one alone', async () => {
  const volumes = Array.from({ length: 200 }, (_, day) => 1000 + ((day * 37) % 101));
  const source = await makeSource({
    'stocks/A.csv': csvOfVolumes(...volumes),
    'etfs/B.csv': csvOfVolumes(...volumes.toReversed()),
  });
  const alone = makeFolder();
  await ingestInto(alone, source, { shards: 16 });
  await runInProcess(features, { window: 30 }, alone);

  // After 8 steps of training the volumes are not between p10 and p90.
  const pipe = () => succeed(['pipeline', '--store', root, '--source', source], { MIN_COVERAGE: '0' });
  const [one, two] = await Promise.all([pipe(), pipe()]);
  const answer = (stdout: string) => stdout.trim().split('\n').at(-1);
  expect(answer(one.stdout)).toMatch(/^\d+$/);
  expect(answer(two.stdout)).toBe(answer(one.stdout));
  expect(hashStore(root, 'prices', 'features')).toEqual(hashStore(alone));
  const [model] = readdirSync(join(root, 'models')) as [string];
  const hashes = hashStore(root);
  expect(hashes['model.bin']).toBe(hashes[`models/${model}/model.bin`]);
  expect(listScratch(root)).toEqual([]);
});

/** Starts a process that opens the store, does this work, and keeps running. */
function startHolder(work: string): Running {
  const script = `
    import { Store } from './tasks/store/store.ts';
    const store = await Store.open(process.argv[1]);
    setInterval(() => {}, 1000);
    await ${work};`;
  return start(process.execPath, ['--input-type=module', '-e', script, root]);
}

async function firstLine({ process }: Running): Promise<string> {
  return String(await new Promise((done) => process.stdout?.once('data', done))).trim();
}
