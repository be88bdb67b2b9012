import cluster from 'node:cluster';
import { answerScrapes } from '../metrics/scrape.ts';

/** How long a worker that died stays down: twice as long each time that its successor dies young, up to the longest. */
const [RESPAWN_MS, LONGEST_RESPAWN_MS] = [200, 30_000];

/** A worker that has lived for so long did not die of how it began. */
const YOUNG_MS = 60_000;

/**
 * Keeps so many workers running, merges their metrics, and ends when all have drained.
 * @param environment what workers are told beside what this process was
 * @param exit ends this process
 */
export function runWorkers(
  count: number,
  environment: Record<string, string>,
  drainMs: number,
  log: (level: 'error', message: string) => void,
  exit: (code: number) => void,
): void {
  let code: number | undefined;
  let living = 0;
  // JSON, the default, makes null of NaN.
  cluster.setupPrimary({ serialization: 'advanced' });
  answerScrapes();
  for (let i = 0; i < count; i++) fork(RESPAWN_MS);
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.once(signal, () => {
      code = status;
      if (living === 0) exit(status);
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
      setTimeout(() => exit(status), drainMs + 500);
    });
  }

  function fork(respawnMs: number): void {
    const start = performance.now();
    const worker = cluster.fork(environment);
    living++;
    worker.once('exit', (status, signal) => {
      living--;
      if (code !== undefined) {
        if (living === 0) exit(code);
        return;
      }
      if (status === 2) return exit(2);
      const lived = performance.now() - start;
      const pause = lived < YOUNG_MS ? respawnMs : RESPAWN_MS;
      log(
        'error',
        `worker ${worker.process.pid} ended with ${signal ?? status} after ${(lived / 1_000).toFixed(1)} s; another starts in ${pause} ms`,
      );
      setTimeout(() => code === undefined && fork(Math.min(2 * pause, LONGEST_RESPAWN_MS)), pause);
    });
  }
}
