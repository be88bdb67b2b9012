import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import {
  type PublishedShards,
  publishShards,
  type ShardContent,
} from '../../../tasks/store/publish-shards.ts';
import type { Check } from '../../../tasks/store/result.ts';
import { shardName } from '../../../tasks/store/shards.ts';
import { hashStore, makeFolder, runInProcess } from '../../support/fixtures.ts';

const PASSED: Check = { name: 'promise', severity: 'fail', passed: true, value: 0 };
const WARNING: Check = { name: 'hope', severity: 'warn', passed: false, value: 3 };
const FAILED: Check = { name: 'promise', severity: 'fail', passed: false, value: 2 };

/** Publishes two shards with these checks of each shard and of the dataset. */
function publish(
  store: string,
  shardChecks: Check[],
  datasetChecks: Check[],
  before: (index: number) => Promise<void> = async () => {},
): Promise<PublishedShards> {
  return runInProcess<object, PublishedShards>(
    (_options, context) =>
      publishShards(
        'prices',
        [0, 1].map((index) => ({ index, key: `key-${index}` })),
        undefined,
        context,
        async ({ index }, scratch): Promise<ShardContent> => {
          await before(index);
          const path = join(scratch, `${shardName(index)}.parquet`);
          await writeFile(path, 'PAR1');
          return {
            paths: [path],
            rows: 1,
            nulls: {},
            etfs: [],
            checks: shardChecks,
            parameters: {},
            metrics: {},
          };
        },
        async () => datasetChecks,
      ),
    {},
    store,
  );
}

/** The names of the published files, without the key. */
function published(store: string): string[] {
  return Object.keys(hashStore(store))
    .map((name) => name.replace(/[0-9a-f]{16}/, 'KEY'))
    .sort();
}

const SHARDS = [0, 1].flatMap((index) =>
  ['json', 'parquet'].map((end) => `prices/KEY/${shardName(index)}.${end}`),
);

test('checks that pass or warn let the dataset be published', async () => {
  const store = makeFolder();
  const { status, checks } = await publish(store, [PASSED, WARNING], [PASSED, WARNING]);
  expect(status).toBe('done');
  expect(checks.map(({ name }) => name)).toEqual(['promise', 'hope', 'rows_are_no_fewer_than_before']);
  expect(published(store)).toEqual(['prices/KEY/checks.md', ...SHARDS, 'prices/latest.json']);
});

test('a failed check of a shard keeps it from being published', async () => {
  const store = makeFolder();
  const publishing = publish(store, [PASSED, FAILED], [PASSED]);
  await expect(publishing).rejects.toThrow(
    /^prices\/[0-9a-f]{16}\/shard-00: the check promise failed with 2 violations; the shard was not published$/,
  );
  await expect(publishing).rejects.toThrow(PermanentError);
  expect(hashStore(store)).toEqual({});
});

test('a failed check of the dataset keeps it from becoming the latest', async () => {
  const store = makeFolder();
  const publishing = publish(store, [PASSED], [WARNING, FAILED]);
  await expect(publishing).rejects.toThrow(
    /^prices\/[0-9a-f]{16}: the check promise failed with 2 violations; it did not become the latest$/,
  );
  await expect(publishing).rejects.toThrow(PermanentError);
  expect(published(store)).toEqual(['prices/KEY/checks.md', ...SHARDS]);
});

test('a shard that is removed while the others are made is an error', async () => {
  const store = makeFolder();
  const publishing = publish(store, [PASSED], [PASSED], async (index) => {
    const [made = ''] = Object.keys(hashStore(store)).filter((name) => name.endsWith('shard-00.parquet'));
    if (index === 1) await rm(join(store, made));
  });
  await expect(publishing).rejects.toThrow(/shards were removed during the run; run the task again/);
  await expect(publishing).rejects.not.toThrow(PermanentError);
});
