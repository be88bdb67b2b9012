import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { features } from '../../tasks/features/features.ts';
import { publishSnapshot } from '../../tasks/store/snapshots.ts';
import { Store } from '../../tasks/store/store.ts';
import { verify } from '../../tasks/verify.ts';
import { runCli, succeed } from '../support/command.ts';
import { csvOfVolumes, hashStore, ingestFiles, makeZip, runInProcess } from '../support/fixtures.ts';
import { addModel } from '../support/tiny-model.ts';

let store: string;
/** The folders of the only key of prices and of features. */
let prices: string;
let made: string;

beforeEach(async () => {
  const volumes = Array.from({ length: 40 }, (_, row) => 1_000 + row);
  const ingested = await ingestFiles({ 'stocks/A.csv': csvOfVolumes(...volumes) });
  store = ingested.store;
  prices = String(ingested.result.outputs[0]?.uri);
  made = String((await runInProcess(features, { window: 30 }, store)).outputs[0]?.uri);
  addModel(store, [0, 0, 0], '2020-02-01');
  writeFileSync(join(store, 'models/2020-02-01/metrics.json'), '{}');
  await succeed(['promote', '--store', store, '--force']);
});

/** The objects of the store that are not ok: object, state and command. */
async function findWrong(): Promise<unknown[][]> {
  const { table = [] } = await runInProcess((_options, context) => verify(context), {}, store);
  return table
    .filter(({ state }) => state !== 'ok')
    .map(({ object, state, command }) => [object, state, command]);
}

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(path, bytes);
}

const relative = (path: string) => path.slice(store.length + 1);
const command = (task: string, args: string) => `make run-task TASK=${task} STORE=${store} ARGS="${args}"`;

it('finds nothing wrong in a sound store, and changes nothing', async () => {
  const before = hashStore(store);
  const { code, stdout } = await runCli(['verify', '--store', store]);
  expect(code).toBe(0);
  const states = stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  expect(states).toEqual([
    ['prices/latest.json', 'ok'],
    [relative(prices), 'ok'],
    ['features/latest.json', 'ok'],
    [relative(made), 'ok'],
    ['models/2020-02-01', 'ok'],
    ['model.bin', 'ok'],
  ]);
  expect(hashStore(store)).toEqual(before);
});

it('ends with exit code 2 after the table if anything is damaged; its command makes that again', async () => {
  const before = hashStore(store);
  flipBit(join(made, 'shard-00.parquet'));
  const { code, stdout, message } = await runCli(['verify', '--store', store]);
  expect(code).toBe(2);
  expect(message).toContain('the check object_is_undamaged failed with 1 violations');
  const found = /shard-00\.parquet +damaged +make run-task TASK=features STORE=\S+ ARGS="(.*)"/.exec(stdout);
  await succeed(['features', ...String(found?.[1]).split(' '), '--store', store]);
  expect(hashStore(store)).toEqual(before);
  expect(await findWrong()).toEqual([]);
});

it('finds damaged and missing shards, and how to make them again', async () => {
  flipBit(join(prices, 'shard-00.parquet'));
  rmSync(join(made, 'shard-00.parquet'));
  const pricesKey = prices.slice(-16);
  expect(await findWrong()).toEqual([
    [
      `${relative(prices)}/shard-00.parquet`,
      'damaged',
      expect.stringMatching(/TASK=ingest .* ARGS="--source \S+ --shards 1"$/),
    ],
    [relative(made), 'damaged', command('features', `--prices ${pricesKey} --window 30`)],
  ]);
});

it('only warns of shards that a key lacks if it is not the latest', async () => {
  const old = made;
  await runInProcess(features, { window: 2 }, store);
  rmSync(join(old, 'shard-00.json'));
  expect(await findWrong()).toEqual([[relative(old), 'incomplete', expect.any(String)]]);
  expect((await runCli(['verify', '--store', store])).code).toBe(0);
});

it.each([
  ['prices/latest.json', '{"key":"0000000000000000"}', 'ingest'],
  ['features/latest.json', '{"key"', 'features'],
])('finds that %s names no key', async (name, text, task) => {
  writeFileSync(join(store, name), text);
  expect(await findWrong()).toContainEqual([
    name,
    'damaged',
    `rm ${join(store, name)} && make run-task TASK=${task} STORE=${store}`,
  ]);
});

it('finds damaged models', async () => {
  for (const name of ['model.bin', 'models/2020-02-01/model.bin']) flipBit(join(store, name));
  expect(await findWrong()).toEqual([
    ['models/2020-02-01', 'damaged', command('train', '--as-of 2020-02-01')],
    ['model.bin', 'damaged', command('promote', '--as-of 2020-02-01')],
  ]);
});

it.each([
  ['champion.json', '{}', command],
  ['champion-history.jsonl', '{"at"', undefined],
])('finds a damaged %s', async (name, text, remake) => {
  writeFileSync(join(store, name), text);
  const path = join(store, name);
  expect(await findWrong()).toEqual([
    remake
      ? ['model.bin', 'damaged', command('promote', '--as-of 2020-02-01')]
      : [name, 'damaged', `mv ${path} ${path}.damaged`],
  ]);
});

it('finds a damaged download', async () => {
  const zip = await makeZip({ 'stocks/A.csv': csvOfVolumes(1, 2, 3) });
  const key = 'a'.repeat(16);
  const bytes = readFileSync(zip).length;
  await publishSnapshot(zip, { dataset: 'owner/name', key, bytes, files: 2 }, await Store.open(store));
  expect(await findWrong()).toEqual([]);
  const path = join(store, `raw/${key}/archive.zip`);
  const archive = readFileSync(path);
  // In the packed bytes, which follow the name.
  const at = archive.indexOf('stocks/A.csv') + 'stocks/A.csv'.length + 3;
  archive.writeUInt8(archive.readUInt8(at) ^ 1, at);
  writeFileSync(path, archive);
  expect(await findWrong()).toEqual([
    [
      `raw/${key}/archive.zip`,
      'damaged',
      `rm -r ${join(store, 'raw', key)} && ${command('download', '--dataset owner/name')}`,
    ],
  ]);
});
