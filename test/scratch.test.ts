import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from 'fs-native-extensions';
import { expect, test, vi } from 'vitest';
import { Store } from '../tasks/store.ts';
import { makeFolder, scratchOf } from './fixtures.ts';

vi.mock('node:crypto', { spy: true });

test('a lock that another run clears away before its owner has it is made anew', async () => {
  const root = makeFolder();
  const store = await Store.open(root);
  vi.mocked(randomUUID).mockReturnValueOnce('0-0-0-0-0').mockReturnValueOnce('1-1-1-1-1');
  const lock = join(root, 'tmp/0-0-0-0-0.lock');
  const other = await open(lock, 'a+');
  expect(tryLock(other.fd)).toBe(true);
  const making = store.scratch();
  await sleep(200);
  rmSync(lock);
  await other.close();
  await using scratch = await making;
  expect(scratch.path).toBe(join(root, 'tmp/1-1-1-1-1'));
  expect(existsSync(scratch.path)).toBe(true);
  expect(scratchOf(root)).toEqual(['1-1-1-1-1', '1-1-1-1-1.lock']);
});
