import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Store } from '../tasks/store.ts';
import { ROOT, runCli, SAMPLE, scratchOf, snapshot, startCli, succeed, until } from './command.ts';

const { store: sample } = inject('sample');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('publish', () => {
  it('is seen whole or not at all, however often a name is published anew', async () => {
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
    expect(scratchOf(root)).toEqual([]);
  });

  it('leaves the old content where the new cannot be made', async () => {
    const store = await Store.open(root);
    await store.publishText('text', 'old');
    await expect(store.publish(join(root, 'not there'), 'text')).rejects.toThrow('ENOENT');
    expect(readFileSync(join(root, 'text'), 'utf8')).toBe('old');
  });

  it('of a folder replaces the old one, and never mixes the two', async () => {
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
    expect(scratchOf(root)).toEqual([]);
  });

  it('of one folder by many at once leaves one of theirs, whole', async () => {
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

  it('again gives a file a second name that outlives the first', async () => {
    const store = await Store.open(root);
    await store.publishText('one/text', 'content');
    await store.publishAgain('one/text', 'two/text');
    rmSync(join(root, 'one'), { recursive: true });
    expect(readFileSync(join(root, 'two/text'), 'utf8')).toBe('content');
  });
});

describe('withLock', () => {
  it('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const visits = Array.from({ length: 5 }, async () => {
      const store = await Store.open(root);
      await store.withLock('door', async () => {
        most = Math.max(most, ++inside);
        await sleep(20);
        inside--;
      });
    });
    await Promise.all(visits);
    expect(most).toBe(1);
    expect(scratchOf(root)).toEqual([]);
  });

  it('opens again when the work fails', async () => {
    const store = await Store.open(root);
    const failing = store.withLock('door', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await store.withLock('door', async () => 'in')).toBe('in');
  });

  it('is not kept shut by a process that was killed', async () => {
    const work = `const { Store } = await import(process.argv[1]);
      const store = await Store.open(process.argv[2]);
      await store.withLock('door', () => { console.log('in'); return new Promise(() => setInterval(() => {}, 1000)); });`;
    const module = join(ROOT, 'tasks/store.ts');
    const other = spawn(process.execPath, ['--input-type=module', '-e', work, module, root]);
    await once(other.stdout, 'data');
    const store = await Store.open(root);
    const entered = store.withLock('door', async () => 'in');
    expect(await Promise.race([entered, sleep(300, 'waiting')])).toBe('waiting');
    other.kill('SIGKILL');
    expect(await entered).toBe('in');
  });
});

describe('scratch', () => {
  it('goes when it is disposed of', async () => {
    const store = await Store.open(root);
    {
      await using scratch = await store.scratch();
      writeFileSync(join(scratch.path, 'file'), 'content');
      expect(scratchOf(root)).toHaveLength(1);
    }
    expect(scratchOf(root)).toEqual([]);
  });

  it('goes at once when the process is told to stop', async () => {
    const store = await Store.open(root);
    await store.scratch();
    await store.scratch();
    store.removeScratch();
    expect(scratchOf(root)).toEqual([]);
  });

  it('of a killed run is cleared away after an hour, and that of a live one is not', async () => {
    const now = Date.now() / 1000;
    for (const [name, minutes] of Object.entries({ dead: 61, live: 59 })) {
      mkdirSync(join(root, 'tmp', name), { recursive: true });
      writeFileSync(join(root, 'tmp', name, 'file'), 'content');
      utimesSync(join(root, 'tmp', name), now - minutes * 60, now - minutes * 60);
    }
    await Store.open(root);
    expect(scratchOf(root)).toEqual(['live']);
  });
});

it('a damaged JSON file is named', async () => {
  const store = await Store.open(root);
  await store.publishText('champion.json', '{"as_of"');
  await expect(store.readJson('champion.json')).rejects.toThrow(`${root}/champion.json: is damaged`);
});

describe('a full disk', () => {
  it('ends ingest with exit code 2 and the way out, and leaves what was published', async (context) => {
    const disk = mountSmallDisk(root);
    if (!disk) return context.skip('a small disk cannot be mounted here: it takes root');
    try {
      const store = join(disk, 'store');
      const source = tinySource();
      await succeed(['ingest', '--source', source, '--store', store]);
      await succeed(['features', '--store', store]);
      const before = snapshot(store, 'prices', 'features');

      const { code, stderr } = await runCli(['ingest', '--source', SAMPLE, '--store', store]);
      expect(stderr).toContain('no space left on the device; free some, or use a larger disk');
      expect(code).toBe(2);
      expect(snapshot(store, 'prices', 'features')).toMatchObject(before);
      expect(scratchOf(store)).toEqual([]);
      expect((await succeed(['features', '--store', store])).stderr).toContain('up to date');
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('a store that cannot be written', () => {
  it('is refused with exit code 2', async (context) => {
    const disk = mountSmallDisk(root);
    if (!disk) return context.skip('a disk cannot be mounted here: it takes root');
    try {
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      const { code, stderr } = await runCli(['ingest', '--store', join(disk, 'store')]);
      expect(code).toBe(2);
      expect(stderr).toContain(
        `${disk}/store: the store cannot be written; point --store to a writable folder`,
      );
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('a task that is stopped', () => {
  // Spread over the whole run: the start, the shards, the end.
  const moments = [150, 300, 400, 500, 650];

  it.each(moments)('by kill -9 after %i ms of ingest goes on to the same bytes', async (delay) => {
    await killAfter(delay, ['ingest', '--source', SAMPLE, '--store', root]);
    await succeed(['ingest', '--source', SAMPLE, '--store', root]);
    expect(snapshot(root, 'prices')).toEqual(snapshot(sample, 'prices'));
  });

  it.each(moments)('by kill -9 after %i ms of features goes on to the same bytes', async (delay) => {
    cpSync(join(sample, 'prices'), join(root, 'prices'), { recursive: true });
    await killAfter(delay, ['features', '--store', root]);
    await succeed(['features', '--store', root]);
    expect(snapshot(root, 'features')).toEqual(snapshot(sample, 'features'));
  });

  it.each(['ingest', 'features'])(
    'by SIGTERM in the middle of %s ends with 143 within 3 s, without scratch or a half-published shard',
    async (task) => {
      cpSync(join(sample, 'prices'), join(root, 'prices'), { recursive: true });
      if (task === 'ingest') rmSync(join(root, 'prices'), { recursive: true });
      const dataset = task === 'ingest' ? 'prices' : 'features';
      const running = startCli([task, '--store', root]);
      await until(() => Object.keys(snapshot(root, dataset)).length > 2, `a shard of ${dataset}`);
      const told = performance.now();
      running.process.kill('SIGTERM');
      expect((await running.ended).code).toBe(143);
      expect(performance.now() - told).toBeLessThan(3_000);
      expect(scratchOf(root)).toEqual([]);
      expect(existsSync(join(root, dataset, 'latest.json'))).toBe(false);
      expect(snapshot(sample, dataset)).toMatchObject(snapshot(root, dataset));
    },
  );

  async function killAfter(delay: number, args: string[]): Promise<void> {
    const running = startCli(args);
    await sleep(delay);
    running.process.kill('SIGKILL');
    await running.ended;
  }
});

it('two pipelines at once on one store end well, with the same bytes as one alone', async () => {
  const pipeline = ['pipeline', '--store', root, '--as-of', '1980-01-01'];
  const [one, two] = await Promise.all([succeed(pipeline), succeed(pipeline)]);
  const answer = (stdout: string) => stdout.trim().split('\n').at(-1);
  expect(answer(one.stdout)).toMatch(/^\d+$/);
  expect(answer(two.stdout)).toBe(answer(one.stdout));
  expect(snapshot(root, 'prices', 'features')).toEqual(snapshot(sample, 'prices', 'features'));
  const model = readFileSync(join(root, 'models/1980-01-01/model.bin'));
  expect(readFileSync(join(root, 'model.bin')).equals(model)).toBe(true);
  expect(scratchOf(root)).toEqual([]);
});

/** A disk of 1 MiB, or undefined where this user may not mount one. */
function mountSmallDisk(folder: string): string | undefined {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'pipe' });
    return disk;
  } catch {
    return undefined;
  }
}

/** A source of one symbol with 40 rows. */
function tinySource(): string {
  const source = join(root, 'source');
  mkdirSync(join(source, 'stocks'), { recursive: true });
  const days = Array.from({ length: 40 }, (_, day) => new Date(Date.UTC(2020, 0, 1 + day)).toISOString());
  const rows = days.map((day) => `${day.slice(0, 10)},1,1,1,1,1,100\n`);
  writeFileSync(
    join(source, 'stocks/TINY.csv'),
    `Date,Open,High,Low,Close,Adj Close,Volume\n${rows.join('')}`,
  );
  writeFileSync(join(source, 'symbols_valid_meta.csv'), 'NASDAQ Symbol,Security Name\nTINY,Tiny Inc.\n');
  return source;
}
