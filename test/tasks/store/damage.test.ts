/** A changed byte of a shard is noticed where the shard is read, and the shard is made again. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import type { Context } from '../../../tasks/context.ts';
import { features } from '../../../tasks/features/features.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { promote } from '../../../tasks/promote/promote.ts';
import { train } from '../../../tasks/train/train.ts';
import { walkForward } from '../../../tasks/walk-forward/walk-forward.ts';
import {
  csvOfVolumes,
  hashStore,
  ingestInto,
  makeFolder,
  makeSource,
  runInProcess,
} from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

const FLIPS = 70;
const GATES = { maxMaeRatio: 1.02, maxRmsleRatio: 1.02, minCoverage: 0.7, maxCoverage: 0.9 };
const READERS: Record<string, (context: Context) => Promise<unknown>> = {
  train: (context) => train({ seed: 1, replace: false, halfLife: 8, medianFrom: 100_000 }, context),
  promote: (context) => promote({ force: false, gates: GATES }, context),
  'walk-forward': (context) => walkForward({ threads: 1, memoryLimit: '256MB', logLevel: 'info' }, context),
};

/** Prices of two symbols in one shard, and their features. */
async function makeStore(): Promise<{ store: string; source: string; prices: string; features: string }> {
  const store = makeFolder();
  const volumes = Array.from({ length: 200 }, (_, row) => 1_000 + ((row * 7_919) % 997));
  const source = await makeSource({
    'stocks/A.csv': csvOfVolumes(...volumes),
    'etfs/B.csv': csvOfVolumes(...volumes.toReversed()),
  });
  const prices = await ingestInto(store, source);
  const made = await runInProcess(features, { window: 30 }, store);
  return {
    store,
    source,
    prices: join(String(prices.outputs[0]?.uri), 'shard-00.parquet'),
    features: join(String(made.outputs[0]?.uri), 'shard-00.parquet'),
  };
}

/** Calls `check` once for each of 70 seeded bits of the file, while the file has this bit flipped. */
async function withEachFlip(path: string, check: (bit: number) => Promise<void>): Promise<void> {
  const sound = readFileSync(path);
  for (let flip = 0; flip < FLIPS; flip++) {
    const bit = crc32(`flip ${flip}`) % (8 * sound.length);
    flipBit(path, bit);
    await check(bit);
    writeFileSync(path, sound);
  }
}

function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  writeFileSync(path, bytes);
}

it('no flipped bit of a price shard gets into features', async () => {
  const { store, prices, features: made } = await makeStore();
  rmSync(join(store, 'features'), { recursive: true });
  await withEachFlip(prices, async (bit) => {
    const making = runInProcess(features, { window: 30 }, store);
    await expect(making, `bit ${bit}`).rejects.toThrow(`${prices} is damaged: its CRC-32 is `);
    await expect(making).rejects.toThrow(PermanentError);
    expect(hashStore(store, 'features')).toEqual({});
  });
  await runInProcess(features, { window: 30 }, store);
  expect(statSync(made).size).toBeGreaterThan(0);
});

it.each(Object.entries(READERS))('no flipped bit of a features shard gets into %s', async (_name, read) => {
  const { store, features: made } = await makeStore();
  addModel(store, [0, 0, 0], '2020-03-01');
  const before = hashStore(store, 'models', 'champion.json', 'model.bin');
  await withEachFlip(made, async (bit) => {
    const reading = runInProcess((_options, context) => read(context), {}, store);
    await expect(reading, `bit ${bit}`).rejects.toThrow(`${made} is damaged: its CRC-32 is `);
    await expect(reading).rejects.toThrow(PermanentError);
    expect(hashStore(store, 'models', 'champion.json', 'model.bin')).toEqual(before);
  });
});

it.each(['prices', 'features'] as const)(
  'a damaged shard of %s is made again by its task',
  async (dataset) => {
    const made = await makeStore();
    const before = hashStore(made.store);
    flipBit(made[dataset], 1_000);
    const again =
      dataset === 'prices'
        ? await ingestInto(made.store, made.source)
        : await runInProcess(features, { window: 30 }, made.store);
    expect(again.status).toBe('done');
    expect(hashStore(made.store)).toEqual(before);
  },
);

it('a damaged record of a shard counts as missing, even if it is valid JSON', async () => {
  const { store, source, prices } = await makeStore();
  const record = prices.replace('.parquet', '.json');
  const text = readFileSync(record, 'utf8');
  const before = hashStore(store);
  writeFileSync(record, text.replace('"rows": 400', '"rows": 401'));
  await expect(runInProcess(features, { window: 30 }, store)).rejects.toThrow(
    /shards are missing or truncated: all; make only these again: make run-task TASK=ingest STORE=\S+ ARGS="--source \S+ --shards 1"$/,
  );
  await ingestInto(store, source);
  expect(hashStore(store)).toEqual(before);
});

it('a damaged shard that another key shares is made again, not linked again', async () => {
  const store = makeFolder();
  const files = {
    'stocks/A.csv': csvOfVolumes(1),
    'stocks/B.csv': csvOfVolumes(2),
    'stocks/C.csv': csvOfVolumes(3),
  };
  const source = await makeSource(files);
  await ingestInto(store, source, { shards: 4 });
  await makeSource({ 'stocks/C.csv': csvOfVolumes(4) }, source);
  const second = String((await ingestInto(store, source, { shards: 4 })).outputs[0]?.uri);
  const shared = readdirSync(second)
    .map((name) => join(second, name))
    .find((path) => path.endsWith('.parquet') && statSync(path).nlink === 2) as string;
  const before = readFileSync(shared);
  // Both links have the same bytes, so both are damaged.
  flipBit(shared, 1_000);
  expect((await ingestInto(store, source, { shards: 4 })).status).toBe('done');
  expect(readFileSync(shared)).toEqual(before);
  expect(statSync(shared).nlink).toBe(1);
});
