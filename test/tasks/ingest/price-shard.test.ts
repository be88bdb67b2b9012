import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSource } from '../../../tasks/ingest/open-source.ts';
import { makePriceShard } from '../../../tasks/ingest/price-shard.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { csv, csvOfVolumes, makeFolder, makeSource, openDatabase } from '../../support/fixtures.ts';

test.each([
  ['', csvOfVolumes(1)],
  [', also if rows of another file are bad', csv('2020-01-01,1,1,1,1,1,1', 'x,1,1,1,1,1,1')],
])('a file that changes while its shard is made is not a permanent error%s', async (_what, other) => {
  const folder = await makeSource({ 'stocks/A.csv': csvOfVolumes(1, 2), 'stocks/B.csv': other });
  const source = await openSource(folder);
  await using database = await openDatabase();
  const copy = database.copyToParquet.bind(database);
  database.copyToParquet = async (select, path) => {
    await copy(select, path);
    await writeFile(join(folder, 'stocks/A.csv'), csvOfVolumes(3, 4));
  };
  const files = source.files.map((file) => ({ ...file, securityName: null }));
  const shard = makePriceShard({ index: 0, key: '', files }, source, true, makeFolder(), database);
  await expect(shard).rejects.toThrow(
    /stocks\/A\.csv: the file changed while it was read\. Run ingest again\./,
  );
  await expect(shard).rejects.not.toThrow(PermanentError);
});
