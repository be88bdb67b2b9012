import cluster from 'node:cluster';
import { answerScrapes } from '../metrics/scrape.ts';

/**
 * Pause before a worker is replaced. It doubles each time that the replacement ends young, up to
 * the maximum.
 */
const [RESPAWN_MS, MAX_RESPAWN_MS] = [200, 30_000];

/** A worker that ends after this time did not fail to start. */
const YOUNG_MS = 60_000;

/**
 * Keeps this number of workers running, merges their metrics, and exits when all have drained.
 * @param environment variables for workers, in addition to those of this process
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
  // The default, JSON, turns NaN into null.
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
      setTimeout(() => code === undefined && fork(Math.min(2 * pause, MAX_RESPAWN_MS)), pause);
    });
  }
}
