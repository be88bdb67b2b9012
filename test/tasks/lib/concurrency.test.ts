import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runConcurrently } from '../../../tasks/lib/concurrency.ts';
import { openDatabase } from '../../support/fixtures.ts';

test('the error of the first item is thrown, even if that of a later item came first', async () => {
  await using database = await openDatabase(2);
  const begun: number[] = [];
  const working = runConcurrently([0, 1, 2, 3, 4], database, async (item) => {
    begun.push(item);
    // Three connections: while 1 is at work, 2 fails, and no more work starts.
    await sleep(item === 1 ? 100 : 10);
    if (item > 0) throw new Error(`item ${item}`);
  });
  await expect(working).rejects.toThrow(/^item 1$/);
  expect(begun.slice(0, 3)).toEqual([0, 1, 2]);
  expect(begun).not.toContain(4);
});
