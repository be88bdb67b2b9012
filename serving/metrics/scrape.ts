import cluster, { type Worker } from 'node:cluster';
import { addEnded, mergeSnapshots, type Snapshot, type Values } from './merge-metrics.ts';

/** A worker that takes longer than this to say what it counted counts as it last did. */
const PATIENCE_MS = 1_000;

/** What workers and the first process tell each other about metrics. */
interface Message {
  /** A worker wants the text for all. */
  scrape?: number;
  /** What it gets. */
  scraped?: number;
  text?: string;
  error?: string;
  /** The first process wants to know what a worker counted. */
  look?: number;
  /** What it gets. */
  looked?: number;
  snapshot?: Snapshot;
}

/**
 * Answers workers that are scraped with the metrics of all. What a worker that ended had counted when it was last asked
 * stays in the sums, so that no counter falls.
 */
export function answerScrapes(): void {
  const last = new Map<number, Snapshot>();
  let ended: Promise<Values> = Promise.resolve([]);
  let serial = 0;

  cluster.on('message', (worker: Worker, { scrape, snapshot }: Message) => {
    if (snapshot && !worker.isDead()) last.set(worker.id, snapshot);
    if (scrape === undefined) return;
    collect().then(
      (text) => tell(worker, { scraped: scrape, text }),
      (error) => tell(worker, { scraped: scrape, error: String(error) }),
    );
  });
  cluster.on('exit', ({ id }: Worker) => {
    const final = last.get(id);
    last.delete(id);
    if (final) ended = ended.then((sums) => addEnded(sums, final));
  });

  async function collect(): Promise<string> {
    await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => worker && look(worker)));
    const [living, sums] = [[...last.values()], ended];
    return mergeSnapshots(living, await sums);
  }

  /** Waits until a worker has said what it counted, has ended, or is too slow. */
  function look(worker: Worker): Promise<void> {
    const mine = serial++;
    return new Promise((resolve) => {
      const timer = setTimeout(end, PATIENCE_MS);
      worker.on('message', hear).once('exit', end);
      tell(worker, { look: mine });

      function hear({ looked }: Message): void {
        if (looked === mine) end();
      }

      function end(): void {
        clearTimeout(timer);
        worker.off('message', hear).off('exit', end);
        resolve();
      }
    });
  }
}

/** Asks the first process for the metrics of all, and tells it of this one's. */
export function createScrape(take: () => Promise<Snapshot>): () => Promise<string> {
  const waiting = new Map<number, { resolve(text: string): void; reject(error: Error): void }>();
  let serial = 0;
  process.on('message', async ({ look, scraped, text, error }: Message) => {
    if (look !== undefined) process.send?.({ looked: look, snapshot: await take() });
    const asked = scraped === undefined ? undefined : waiting.get(scraped);
    if (!asked) return;
    waiting.delete(scraped as number);
    if (text === undefined) asked.reject(new Error(error));
    else asked.resolve(text);
  });
  return () =>
    new Promise((resolve, reject) => {
      waiting.set(serial, { resolve, reject });
      process.send?.({ scrape: serial++ });
    });
}

/** To one that has just ended nothing can be told. */
function tell(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => {});
}
