import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../serving/model-file.ts';
import { start, until } from '../command.ts';
import { makeFolder } from '../fixtures.ts';
import { constantModel } from '../tiny-model.ts';

it('answers tritonclient, openapi-spec-validator and pyarrow with a million rows, within a memory bound', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
  const running = start(process.execPath, ['serving/server.ts'], { STORE: store, PORT: '0' });
  onTestFinished(() => void running.process.kill('SIGKILL'));
  let stderr = '';
  running.process.stderr?.on('data', (data) => (stderr += data));
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(stderr)?.[0], 'the server to listen');
  const before = kilobytes('VmRSS');
  const asked = await start('python', ['test/serving/clients.py', url]).ended;
  expect(asked.stderr).toBe('');
  expect(asked.stdout).toBe('ok\n');
  const grown = kilobytes('VmHWM') - before;
  expect(grown).toBeLessThan(256 * 1024);

  function kilobytes(name: string): number {
    const status = readFileSync(`/proc/${running.process.pid}/status`, 'utf8');
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  }
});
