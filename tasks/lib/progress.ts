import { SingleBar } from 'cli-progress';
import type { Logger } from './log.ts';

const LOG_INTERVAL_MS = 5_000;

/** How far a task has come. */
export interface Progress {
  /** `done` of it were done before, and count for no rate. */
  start(what: string, total: number, done?: number): void;
  advance(by?: number): void;
  stop(): void;
}

/** A bar on a terminal. */
export function progressBar(stream: NodeJS.WritableStream = process.stderr): Progress {
  const bar = new SingleBar({
    format: '{what} {bar} {percentage}% | {done}/{total}, {rate} per second | {eta_formatted} left',
    clearOnComplete: true,
    stream,
  });
  let done = 0;
  let before = 0;
  let started = 0;
  return {
    start(what, total, held = 0) {
      [done, before, started] = [held, held, performance.now()];
      bar.start(total, held, { what, done: Math.round(done), rate: 0 });
    },
    advance(by = 1) {
      done += by;
      const rate = ((done - before) / (performance.now() - started)) * 1000;
      bar.increment(by, { done: Math.round(done), rate: rate.toFixed(1) });
    },
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
    start(name, count, held = 0) {
      [what, done, total, last] = [name, held, count, performance.now()];
    },
    advance(by = 1) {
      done += by;
      if (performance.now() - last < LOG_INTERVAL_MS) return;
      last = performance.now();
      log.info('progress', { what, done: Math.round(done), total });
    },
    stop() {},
  };
}
