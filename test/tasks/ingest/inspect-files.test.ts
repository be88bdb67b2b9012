import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspectFiles } from '../../../tasks/ingest/inspect-files.ts';
import { csvOfVolumes, type Files, makeSource } from '../../support/fixtures.ts';

async function makeFiles(count: number): Promise<string[]> {
  const files: Files = {};
  for (let index = 0; index < count; index++)
    files[`stocks/${index}.csv`] = csvOfVolumes(...Array(index % 7).keys());
  const folder = join(await makeSource(files), 'stocks');
  return readdirSync(folder).map((name) => join(folder, name));
}

test('many files give the same facts on three threads as on one, in the same order', async () => {
  const paths = await makeFiles(502);
  expect(await inspectFiles(paths, 3)).toEqual(await inspectFiles(paths, 1));
});

test('a file that disappears while threads read is named, with the error code', async () => {
  const paths = await makeFiles(502);
  await rm(String(paths[301]));
  await expect(inspectFiles(paths, 2)).rejects.toMatchObject({ code: 'ENOENT', path: paths[301] });
});
