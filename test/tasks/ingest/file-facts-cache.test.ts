import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { csvOfVolumes, ingestInto, makeFolder, makeSource, readRows } from '../../support/fixtures.ts';

describe('a folder that was ingested before', () => {
  /** Waits until the file is old enough for its times to be trusted. */
  async function settle(path: string): Promise<void> {
    const age = Date.now() - (await stat(path)).ctimeMs;
    await new Promise((done) => setTimeout(done, 2_100 - age));
  }

  test('is not read again', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    const [cache = ''] = await readdir(join(store, 'cache'));
    const known = JSON.parse(await readFile(join(store, 'cache', cache), 'utf8'));
    expect(known['stocks/A.csv'][1]).toMatchObject({ bytes: 88, rows: 2 });
    known['stocks/A.csv'][1].crc32++;
    await writeFile(join(store, 'cache', cache), JSON.stringify(known));
    expect((await ingestInto(store, source)).status).toBe('done');
  });

  test('is read again if a file has changed, even with the same size', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2), 'stocks/B.csv': csvOfVolumes(3) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    await writeFile(join(source, 'stocks/A.csv'), csvOfVolumes(1, 7));
    const result = await ingestInto(store, source);
    expect(await readRows(result, 'Symbol, Volume')).toEqual([
      ['A', 1n],
      ['A', 7n],
      ['B', 3n],
    ]);
  });

  test('is read again if the cache is damaged', async () => {
    const store = makeFolder();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2) });
    await settle(join(source, 'stocks/A.csv'));
    await ingestInto(store, source);
    const [cache = ''] = await readdir(join(store, 'cache'));
    await writeFile(join(store, 'cache', cache), '{"stocks/A.csv":');
    expect((await ingestInto(store, source)).status).toBe('up_to_date');
  });
});
