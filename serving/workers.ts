import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry } from 'prom-client';

/** How long a worker that died at once stays down. */
const RESPAWN_MS = 200;

/**
 * Keeps so many workers running, merges their metrics, and ends when all have drained.
 * @param environment what workers are told beside what this process was
 */
export function runWorkers(
  count: number,
  environment: Record<string, string>,
  drainMs: number,
  fail: (code: number) => void,
): void {
  const merged = new AggregatorRegistry();
  let code: number | undefined;
  for (let i = 0; i < count; i++) cluster.fork(environment);
  cluster.on('message', async (worker: Worker, message: { scrape?: number }) => {
    if (message?.scrape === undefined) return;
    const answer = await merged.clusterMetrics().then(
      (text) => ({ scraped: message.scrape, text }),
      (error) => ({ scraped: message.scrape, error: String(error) }),
    );
    if (worker.isConnected()) worker.send(answer);
  });
  cluster.on('exit', (_worker, status) => {
    if (code !== undefined) {
      if (Object.keys(cluster.workers ?? {}).length === 0) process.exit(code);
    } else if (status === 2) fail(2);
    else setTimeout(() => code === undefined && cluster.fork(environment), RESPAWN_MS);
  });
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.once(signal, () => {
      code = status;
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
      setTimeout(() => process.exit(status), drainMs + 500);
    });
  }
}

/** Asks the first process for the metrics of all. */
export function createScrape(): () => Promise<string> {
  const waiting = new Map<number, { resolve(text: string): void; reject(error: Error): void }>();
  let serial = 0;
  process.on('message', (message: { scraped?: number; text?: string; error?: string }) => {
    const asked = message?.scraped === undefined ? undefined : waiting.get(message.scraped);
    if (!asked) return;
    waiting.delete(message.scraped as number);
    if (message.text === undefined) asked.reject(new Error(message.error));
    else asked.resolve(message.text);
  });
  return () =>
    new Promise((resolve, reject) => {
      waiting.set(serial, { resolve, reject });
      process.send?.({ scrape: serial++ });
    });
}
