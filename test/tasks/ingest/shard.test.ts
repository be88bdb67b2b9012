import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeShard } from '../../../tasks/ingest/shard.ts';
import { openSource } from '../../../tasks/ingest/source.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { csv, csvOfVolumes, makeFolder, makeSource, openDatabase } from '../../support/fixtures.ts';

test.each([
  ['', csvOfVolumes(1)],
  [' and rows of another are set aside', csv('2020-01-01,1,1,1,1,1,1', 'x,1,1,1,1,1,1')],
])('a file that is written while its shard is made is to be tried again%s', async (_what, other) => {
  const folder = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2), 'stocks/B.csv': other });
  const source = await openSource(folder);
  await using database = await openDatabase();
  const copy = database.copyToParquet.bind(database);
  database.copyToParquet = async (select, path) => {
    await copy(select, path);
    await writeFile(join(folder, 'stocks/A.csv'), csvOfVolumes(3, 4));
  };
  const files = source.files.map((file) => ({ ...file, securityName: null }));
  const making = makeShard({ index: 0, key: '', files }, source, true, makeFolder(), database);
  await expect(making).rejects.toThrow(/stocks\/A\.csv: changed while it was read; run ingest again/);
  await expect(making).rejects.not.toThrow(PermanentError);
});
