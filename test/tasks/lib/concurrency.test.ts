import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runConcurrently } from '../../../tasks/lib/concurrency.ts';
import { openDatabase } from '../../support/fixtures.ts';

test('the error of the first plan is thrown, though that of a later one came first', async () => {
  await using database = await openDatabase(2);
  const begun: number[] = [];
  const working = runConcurrently([0, 1, 2, 3, 4], database, async (plan) => {
    begun.push(plan);
    // Three lanes: while 1 is at work, 2 fails, and nothing more is handed out.
    await sleep(plan === 1 ? 100 : 10);
    if (plan > 0) throw new Error(`plan ${plan}`);
  });
  await expect(working).rejects.toThrow(/^plan 1$/);
  expect(begun.slice(0, 3)).toEqual([0, 1, 2]);
  expect(begun).not.toContain(4);
});
