import { SingleBar } from 'cli-progress';
import type { Logger } from './log.ts';

const LOG_INTERVAL_MS = 5_000;

/** Shows how much of its work a task has done. */
export interface Progress {
  /** @param done before this run; does not count for the rate */
  start(what: string, total: number, done?: number): void;
  advance(by?: number): void;
  stop(): void;
}

/** A progress bar on a terminal. */
export function progressBar(stream: NodeJS.WritableStream = process.stderr): Progress {
  const bar = new SingleBar({
    format: '{what} {bar} {percentage}% | {done}/{total}, {rate} per second | {eta_formatted} left',
    clearOnComplete: true,
    stream,
  });
  let done = 0;
  let doneBefore = 0;
  let started = 0;
  return {
    start(what, total, alreadyDone = 0) {
      [done, doneBefore, started] = [alreadyDone, alreadyDone, performance.now()];
      bar.start(total, alreadyDone, { what, done: Math.round(done), rate: 0 });
    },
    advance(by = 1) {
      done += by;
      const rate = ((done - doneBefore) / (performance.now() - started)) * 1000;
      bar.increment(by, { done: Math.round(done), rate: rate.toFixed(1) });
    },
    stop: () => bar.stop(),
  };
}

/** A log line every few seconds, where there is no terminal. */
export function progressLog(log: Logger): Progress {
  let what = '';
  let done = 0;
  let total = 0;
  let lastLogged = 0;
  return {
    start(name, count, alreadyDone = 0) {
      [what, done, total, lastLogged] = [name, alreadyDone, count, performance.now()];
    },
    advance(by = 1) {
      done += by;
      if (performance.now() - lastLogged < LOG_INTERVAL_MS) return;
      lastLogged = performance.now();
      log.info('progress', { what, done: Math.round(done), total });
    },
    stop() {},
  };
}
