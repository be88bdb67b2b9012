import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { start } from '../../support/command.ts';
import { startDoublingServer } from '../../support/test-server.ts';

it('answers the example in docs/serving.md', async () => {
  const { port } = await startDoublingServer();
  const example = /^```python\n(.*?)^```$/ms.exec(readFileSync('docs/serving.md', 'utf8'))?.[1] ?? '';
  const client = await start('python', ['-c', example.replace('3000', String(port))]).ended;
  expect(client.stderr).toBe('');
  // The sum of 2 (1 + n) - 1 for n from 0 to 999,999 is the square of a million.
  expect(client.stdout).toBe('1000000 rows, 1000000000000 shares, by the model as of 2020-01-01\n');
});

it('answers tritonclient, openapi-spec-validator and pyarrow with a million rows, within a memory bound', async () => {
  const { running, url } = await startDoublingServer();
  const before = kilobytes('VmRSS');
  const clients = await start('python', ['test/support/protocol_clients.py', url]).ended;
  expect(clients.stderr).toBe('');
  expect(clients.stdout).toBe('ok\n');
  const grown = kilobytes('VmHWM') - before;
  expect(grown).toBeLessThan(256 * 1024);

  function kilobytes(name: string): number {
    const status = readFileSync(`/proc/${running.process.pid}/status`, 'utf8');
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  }
});
