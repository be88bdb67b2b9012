import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { QueryError, readSql } from '../../../tasks/lib/duckdb.ts';
import { shardReadError } from '../../../tasks/store/shards.ts';
import { runCli } from '../../support/command.ts';
import {
  csvOfVolumes,
  damageFeatures,
  ingestFiles,
  openDatabase,
  runInProcess,
} from '../../support/fixtures.ts';
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
])('%s says what to remove if the features have damaged %s', async (task, _what, from, to?: number) => {
  damageFeatures(store, from, to);
  const { code, message } = await runCli([task, '--store', store]);
  expect(message).toContain(
    `is damaged; remove the folder ${join(store, 'features')}, since other keys may share the file`,
  );
  expect(code).toBe(2);
});

it('does not call a shard damaged if features.sql finds its rows out of place', async () => {
  const sql = await readSql(import.meta.resolve('../../../tasks/features/features.ts'), 'features.sql');
  const raised = /error\('[^']+'\)/.exec(sql)?.[0];
  await using database = await openDatabase();
  const error = await database.run(`SELECT ${raised}`).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(QueryError);
  expect(shardReadError('a shard', 'prices', 'ingest', error)).toBe(error);
});
