import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { chooseSource } from '../../../tasks/store/source.ts';
import { Store } from '../../../tasks/store/store.ts';
import { runCli, runTask, SAMPLE } from '../../support/command.ts';
import { csv, csvOfVolumes, makeFolder, makeSource, makeZip } from '../../support/fixtures.ts';
import { startKaggle } from '../../support/kaggle-server.ts';

const { store: sampleStore } = inject('sample');

/** The source that ingest reads without --source. */
async function defaultSource(store: string): Promise<string> {
  return (await chooseSource(undefined, SAMPLE, await Store.open(store))).source;
}

function makeMine(volume = 1): Promise<string> {
  return makeSource({ 'stocks/A.csv': csvOfVolumes(volume) });
}

describe('without --source, ingest reads', () => {
  it('the sample, into an empty store', async () => {
    expect(await defaultSource(makeFolder())).toBe(SAMPLE);
  });

  it('the sample again, into a store that is made from it', async () => {
    expect(await defaultSource(sampleStore)).toBe(SAMPLE);
  });

  it('the sample of this machine, where the store is made from a copy, as in a container', async () => {
    const [store, copy] = [makeFolder(), join(makeFolder(), 'other.zip')];
    copyFileSync(SAMPLE, copy);
    await runTask(['ingest', '--store', store, '--source', copy]);
    rmSync(copy);
    expect(await defaultSource(store)).toBe(SAMPLE);
  });

  it('the last source that was named', async () => {
    const store = makeFolder();
    for (const source of [SAMPLE, await makeMine(), await makeZip({ 'stocks/A.csv': csvOfVolumes(2) })]) {
      await runTask(['ingest', '--store', store, '--source', source, '--max-shrink', '1']);
      expect(await defaultSource(store)).toBe(source);
    }
  });

  it('the named source by its full path', async () => {
    const [store, source] = [makeFolder(), await makeMine()];
    const named = join('/', source.split('/').slice(1).join('/./'));
    await runTask(['ingest', '--store', store, '--source', named]);
    expect(await defaultSource(store)).toBe(source);
  });

  it('the source that was named first, even if it had a bad row', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csv('2020-01-01,x,1,1,1,1,1') });
    expect((await runCli(['ingest', '--store', store, '--source', source])).code).toBe(2);
    expect(await defaultSource(store)).toBe(source);
  });

  it('the source of the latest prices, if a later one had a bad row', async () => {
    const [store, source] = [makeFolder(), await makeMine()];
    await runTask(['ingest', '--store', store, '--source', source]);
    const bad = await makeSource({ 'stocks/A.csv': csv('2020-01-01,x,1,1,1,1,1') });
    expect((await runCli(['ingest', '--store', store, '--source', bad])).code).toBe(2);
    expect(await defaultSource(store)).toBe(source);
  });

  it('the same source, after prices were removed because they were damaged', async () => {
    const store = join(makeFolder(), 'store');
    const source = await makeMine();
    await runTask(['ingest', '--store', store, '--source', source]);
    rmSync(join(store, 'prices'), { recursive: true });
    expect(await defaultSource(store)).toBe(source);
  });

  it('the download, after download; the named source, after that', async () => {
    const [store, source] = [makeFolder(), await makeMine()];
    await runTask(['ingest', '--store', store, '--source', source]);
    const kaggle = await startKaggle(readFileSync(await makeZip({ 'stocks/A.csv': csvOfVolumes(3) })));
    await runTask(['download', '--store', store, '--kaggle-url', kaggle.url]);
    const archive = await defaultSource(store);
    expect(archive).toMatch(/\/raw\/[0-9a-f]{16}\/archive\.zip$/);
    await runTask(['ingest', '--store', store]);
    expect(await defaultSource(store)).toBe(archive);
    await runTask(['ingest', '--store', store, '--source', source]);
    expect(await defaultSource(store)).toBe(source);
    rmSync(join(store, 'raw'), { recursive: true });
    expect(await defaultSource(store)).toBe(source);
  });
});

describe('without --source, ingest refuses', () => {
  it('a recorded source that is gone, with exit code 2', async () => {
    const [store, source] = [makeFolder(), await makeMine()];
    await runTask(['ingest', '--store', store, '--source', source]);
    rmSync(source, { recursive: true });
    const { code, message } = await runCli(['ingest', '--store', store]);
    expect(message).toBe(
      `${source}: ${store} is made from this file or folder, which is gone. Put it back, or give --source.`,
    );
    expect(code).toBe(2);
  });

  it('a download that is gone', async () => {
    const store = makeFolder();
    writeFileSync(join(store, 'source.json'), '{"source":"download"}');
    await expect(defaultSource(store)).rejects.toThrow(
      'this store is made from a download, which is gone. Run download again, or give --source.',
    );
  });

  it.each(['prices', 'features', 'models', 'raw/partial'])(
    'a store with %s but no record',
    async (folder) => {
      const store = makeFolder();
      mkdirSync(join(store, folder, 'x'), { recursive: true });
      await expect(defaultSource(store)).rejects.toThrow(
        'there is no record of what this store is made from. Give --source.',
      );
    },
  );
});
