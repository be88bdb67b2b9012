import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { createLogger } from '../../../tasks/lib/log.ts';
import { progressBar, progressLog } from '../../../tasks/lib/progress.ts';

test('work done before the run is shown, but does not count for the rate', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 120 });
  let shown = '';
  terminal.on('data', (text) => (shown += text));
  const bar = progressBar(terminal);
  bar.start('prices, MiB', 100, 90);
  now.mockReturnValue(2_000);
  bar.advance(3);
  bar.stop();
  expect(shown).toContain('93% | 93/100, 1.5 per second');

  const log = createLogger(false);
  log.silent = true;
  const info = vi.spyOn(log, 'info');
  const lines = progressLog(log);
  lines.start('prices, MiB', 100, 90);
  now.mockReturnValue(7_000);
  lines.advance(3);
  expect(info).toHaveBeenCalledWith('progress', { what: 'prices, MiB', done: 93, total: 100 });
  now.mockRestore();
});
