import { expect, test } from 'vitest';
import type { Remote } from '../../../tasks/download/kaggle.ts';
import { TryAgain } from '../../../tasks/download/kaggle.ts';
import { type Part, receive } from '../../../tasks/download/receive.ts';
import { makeFolder } from '../../support/fixtures.ts';

test('a file that cannot be opened is told as it is, not as a connection that broke', async () => {
  const body = new Blob(['prices']).stream();
  const remote: Remote = { version: '', bytes: 6, md5: undefined, from: 0, body };
  const part: Part = { path: makeFolder(), version: '', most: 0, failures: 0 };
  const progress = { start() {}, advance() {}, stop() {} };
  const receiving = receive(remote, part, 'ana/prices', new AbortController(), progress);
  await expect(receiving).rejects.toThrow(/^EISDIR/);
  await expect(receiving).rejects.not.toThrow(TryAgain);
});
