import { beforeEach, expect, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { runCli } from '../../support/command.ts';
import { csvOfVolumes, damageFeatures, ingestFiles, runInProcess } from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

let store: string;
beforeEach(async () => {
  store = (await ingestFiles({ 'stocks/A.csv': csvOfVolumes(100, 100, 100) })).store;
  await runInProcess(features, { window: 2 }, store);
  addModel(store, [0, 0, 0], '2020-01-01');
});

it.each([
  ['train', 'rows', 4, 100],
  ['train', 'footers', 100],
  ['promote', 'rows', 4, 100],
  ['promote', 'footers', 100],
  ['walk-forward', 'rows', 4, 100],
  ['walk-forward', 'footers', 100],
])('%s says how to make features with damaged %s again', async (task, _what, from, to?: number) => {
  damageFeatures(store, from, to);
  const { code, message } = await runCli([task, '--store', store]);
  expect(message).toMatch(
    /shard-00.parquet is damaged: its CRC-32 is [0-9a-f]{8}, but [0-9a-f]{8} was recorded; make it again: make run-task TASK=features STORE=\S+ ARGS="--prices [0-9a-f]{16} --window 2"$/,
  );
  expect(code).toBe(2);
});
