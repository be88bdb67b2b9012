import { expect, test } from 'vitest';
import { type RemoteArchive, TransientError } from '../../../tasks/download/kaggle.ts';
import { type PartialArchive, receiveArchive } from '../../../tasks/download/receive-archive.ts';
import { makeFolder } from '../../support/fixtures.ts';

test('an error of the file system is not reported as a broken connection', async () => {
  const body = new Blob(['prices']).stream();
  const remote: RemoteArchive = { version: '', bytes: 6, md5: undefined, from: 0, body };
  const partial: PartialArchive = { path: makeFolder(), version: '', maxBytes: 0, failures: 0 };
  const progress = { start() {}, advance() {}, stop() {} };
  const receiving = receiveArchive(remote, partial, 'ana/prices', new AbortController(), progress);
  await expect(receiving).rejects.toThrow(/^EISDIR/);
  await expect(receiving).rejects.not.toThrow(TransientError);
});
