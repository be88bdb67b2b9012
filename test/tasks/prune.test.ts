import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { Store } from '../../tasks/store/store.ts';
import { runCli, runTask } from '../support/command.ts';
import { csvOfVolumes, makeFolder, makeSource } from '../support/fixtures.ts';
import { constantModel } from '../support/tiny-model.ts';

/** A store with three keys of prices and three of features, the oldest first. */
async function makeStore(): Promise<{ store: string; prices: string[]; features: string[] }> {
  const store = await makeFolder();
  const [prices, features]: [string[], string[]] = [[], []];
  for (const volume of [1, 2, 3]) {
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(volume) });
    const ingested = await runTask(['ingest', '--store', store, '--source', source, '--shards', '1']);
    prices.push(String(ingested.outputs[0]?.key));
    features.push(String((await runTask(['features', '--store', store])).outputs[0]?.key));
  }
  for (const [dataset, keys] of Object.entries({ prices, features }))
    for (const [index, key] of keys.entries()) await utimes(join(store, dataset, key), index, index + 1);
  return { store, prices, features };
}

function isThere(store: string, dataset: string, keys: string[]): boolean[] {
  return keys.map((key) => existsSync(join(store, dataset, key)));
}

describe('prune', () => {
  test('keeps the newest keys', async () => {
    const { store, prices, features } = await makeStore();
    expect((await runTask(['prune', '--store', store, '--keep', '2'])).metrics).toMatchObject({ removed: 2 });
    expect(isThere(store, 'prices', prices)).toEqual([false, true, true]);
    expect(isThere(store, 'features', features)).toEqual([false, true, true]);
    expect((await runTask(['prune', '--store', store, '--keep', '2'])).status).toBe('up_to_date');
  });

  test('keeps what the model in service was made from', async () => {
    const { store, prices, features } = await makeStore();
    const model = { ...constantModel([0, 0, 0]), provenance: { features_key: String(features[0]) } };
    await writeFile(join(store, 'model.bin'), encodeModel(model));
    await runTask(['prune', '--store', store, '--keep', '1']);
    expect(isThere(store, 'prices', prices)).toEqual([true, false, true]);
    expect(isThere(store, 'features', features)).toEqual([true, false, true]);
  });

  test('keeps the download that the model in service was made from', async () => {
    const { store, prices, features } = await makeStore();
    const model = { ...constantModel([0, 0, 0]), provenance: { features_key: String(features[0]) } };
    await writeFile(join(store, 'model.bin'), encodeModel(model));
    const downloads = ['a', 'b', 'c'].map((digit) => digit.repeat(16));
    for (const [index, key] of downloads.entries()) {
      await mkdir(join(store, 'raw', key), { recursive: true });
      await writeFile(join(store, 'raw', key, 'archive.zip'), 'PK');
      await writeFile(join(store, 'raw', key, 'snapshot.json'), JSON.stringify({ key, bytes: 2 }));
      await utimes(join(store, 'raw', key), index, index + 1);
    }
    await writeFile(
      join(store, 'prices', String(prices[0]), 'raw.json'),
      JSON.stringify({ key: downloads[0] }),
    );
    await runTask(['prune', '--store', store, '--keep', '1']);
    expect(isThere(store, 'raw', downloads)).toEqual([true, false, true]);
  });

  test('counts only complete keys, and keeps an incomplete one that may still be in work', async () => {
    const { store, prices } = await makeStore();
    const second = String(prices[1]);
    await rm(join(store, 'prices', second, 'shard-00.json'));
    await utimes(join(store, 'prices', second), new Date(), new Date());
    await runTask(['prune', '--store', store, '--keep', '2']);
    expect(isThere(store, 'prices', prices)).toEqual([true, true, true]);
    await utimes(join(store, 'prices', second), 4, 5);
    await runTask(['prune', '--store', store, '--keep', '2']);
    expect(isThere(store, 'prices', prices)).toEqual([true, false, true]);
  });

  test('does not count prices without rows, which ingest refused', async () => {
    const { store, prices } = await makeStore();
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes() });
    await runCli(['ingest', '--store', store, '--source', source, '--shards', '1']);
    const [refused = ''] = readdirSync(join(store, 'prices')).filter(
      (name) => /^[0-9a-f]{16}$/.test(name) && !prices.includes(name),
    );
    await utimes(join(store, 'prices', refused), 8, 9);
    await runTask(['prune', '--store', store, '--keep', '2']);
    expect(isThere(store, 'prices', [...prices, refused])).toEqual([false, true, true, false]);
  });

  test('removes nothing if the model in service does not say what it was made from', async () => {
    const { store, prices } = await makeStore();
    await writeFile(join(store, 'model.bin'), encodeModel({ ...constantModel([0, 0, 0]), provenance: {} }));
    const { code, message } = await runCli(['prune', '--store', store, '--keep', '1']);
    expect(message).toContain('so prune cannot know what to keep');
    expect(code).toBe(2);
    expect(isThere(store, 'prices', prices)).toEqual([true, true, true]);
  });

  test('does not count a download without its zip', async () => {
    const { store } = await makeStore();
    const [older, broken] = ['a'.repeat(16), 'b'.repeat(16)] as const;
    for (const [index, key] of [older, broken].entries()) {
      await mkdir(join(store, 'raw', key), { recursive: true });
      if (key === older) await writeFile(join(store, 'raw', key, 'archive.zip'), 'PK');
      if (key === older)
        await writeFile(join(store, 'raw', key, 'snapshot.json'), JSON.stringify({ key, bytes: 2 }));
      await utimes(join(store, 'raw', key), index, index + 1);
    }
    await runTask(['prune', '--store', store, '--keep', '1']);
    expect(isThere(store, 'raw', [older, broken])).toEqual([true, false]);
  });

  test('keeps the latest key even if it is the oldest', async () => {
    const { store, prices } = await makeStore();
    await (await Store.open(store)).publishText('prices/latest.json', JSON.stringify({ key: prices[0] }));
    await runTask(['prune', '--store', store, '--keep', '1']);
    expect(isThere(store, 'prices', prices)).toEqual([true, false, false]);
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['is a folder', (path) => mkdir(path)],
    ['is damaged', (path) => writeFile(path, 'half a mod')],
  ])('removes nothing if model.bin %s', async (_what, damage) => {
    const store = makeFolder();
    for (const key of ['0'.repeat(16), '1'.repeat(16)])
      await mkdir(join(store, 'prices', key), { recursive: true });
    await damage(join(store, 'model.bin'));
    const { code, message } = await runCli(['prune', '--store', store, '--keep', '1']);
    expect(message).toContain(
      `${store}/model.bin does not say what it was made from, so prune cannot know what to keep`,
    );
    expect(code).toBe(2);
    expect(isThere(store, 'prices', ['0'.repeat(16), '1'.repeat(16)])).toEqual([true, true]);
  });
});
