import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { expect, test, vi } from 'vitest';
import { Store } from '../../../tasks/store/store.ts';
import { listScratch, makeFolder } from '../../support/fixtures.ts';

vi.mock('node:crypto', { spy: true });

test('a lock that another run removes before its owner holds it is created again', async () => {
  const root = makeFolder();
  const store = await Store.open(root);
  vi.mocked(randomUUID).mockReturnValueOnce('0-0-0-0-0').mockReturnValueOnce('1-1-1-1-1');
  const lock = join(root, 'tmp/0-0-0-0-0.lock');
  const other = await open(lock, 'a+');
  expect(tryLock(other.fd)).toBe(true);
  await using scratch = await store.scratch();
  rmSync(lock);
  await other.close();
  expect(scratch.path).toBe(join(root, 'tmp/1-1-1-1-1'));
  expect(existsSync(scratch.path)).toBe(true);
  expect(listScratch(root)).toEqual(['1-1-1-1-1', '1-1-1-1-1.lock']);
});

test('a signal during scratch() removes its folder', async () => {
  const root = makeFolder();
  const store = await Store.open(root);
  const pending = store.scratch();
  store.removeScratch();
  await pending;
  expect(listScratch(root)).toEqual([]);
});
