import { SingleBar } from 'cli-progress';
import type { Logger } from './log.ts';

const LOG_INTERVAL_MS = 5_000;

/** How far a task has come. */
export interface Progress {
  start(what: string, total: number): void;
  advance(by?: number): void;
  stop(): void;
}

/** A bar on a terminal. */
export function progressBar(): Progress {
  const bar = new SingleBar({
    format: '{what} {bar} {percentage}% | {value}/{total} | {eta_formatted} left',
    clearOnComplete: true,
  });
  return {
    start: (what, total) => bar.start(total, 0, { what }),
    advance: (by = 1) => bar.increment(by),
    stop: () => bar.stop(),
  };
}

/** A log line every few seconds, for where there is no terminal. */
export function progressLog(log: Logger): Progress {
  let what = '';
  let done = 0;
  let total = 0;
  let last = 0;
  return {
    start(name, count) {
      [what, done, total, last] = [name, 0, count, performance.now()];
    },
    advance(by = 1) {
      done += by;
      if (performance.now() - last < LOG_INTERVAL_MS) return;
      last = performance.now();
      log.info('progress', { what, done, total });
    },
    stop() {},
  };
}
