import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Database } from '../../tasks/duckdb.ts';
import type { ShardedDataset } from '../../tasks/shards.ts';
import { readStart } from '../../tasks/train/dataset.ts';
import { makeFolder } from '../fixtures.ts';

it('the start is the quantiles of the log ratio over all shards, before the validation block, where windows are full', async () => {
  const folder = makeFolder();
  await using database = await Database.open({ threads: 2, memoryLimit: '500MB', tempDirectory: folder });
  // 100 rows with ln(1 + Volume) from 0.01 to 1.00 and vol_moving_avg 0: half in each shard. Two that do not count.
  const rows = `
    SELECT exp(i / 100) - 1 AS Volume, 0.0 AS vol_moving_avg, 1.0 AS adj_close_rolling_med, '2020-01-01' AS Date, i FROM range(1, 101) r(i)
    UNION ALL SELECT 1e9, 0.0, 1.0, '2020-02-01', 0
    UNION ALL SELECT 1e9, NULL, 1.0, '2020-01-01', 1`;
  const shards = [0, 1].map((shard) => ({ path: join(folder, `${shard}.parquet`) }));
  for (const [shard, { path }] of shards.entries())
    await database.run(`COPY (SELECT * FROM (${rows}) WHERE i % 2 = ${shard}) TO '${path}' (FORMAT parquet)`);
  const split = { asOf: '2020-03-01', validationFrom: '2020-02-01', measureFrom: '2020-02-15' };
  const start = await readStart({ shards } as ShardedDataset, split, { database } as never);
  expect(start).toEqual({ p10: 0.1, p50: 0.5, p90: 0.9 });
});
