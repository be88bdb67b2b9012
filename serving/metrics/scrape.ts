import cluster, { type Worker } from 'node:cluster';
import { addEnded, mergeSnapshots, type Snapshot, type Values } from './merge-metrics.ts';

/** A worker that takes longer than this to send its metrics counts with its last ones. */
const SNAPSHOT_TIMEOUT_MS = 1_000;

/**
 * A message about metrics between a worker and the primary process. The numbers match an answer
 * with its request.
 */
interface Message {
  /** From a worker: send the metrics of all. */
  scrapeRequest?: number;
  /** The answer, with `text` or `error`. */
  scrapeAnswer?: number;
  text?: string;
  error?: string;
  /** From the primary process: send your metrics. */
  snapshotRequest?: number;
  /** The answer, with `snapshot`. */
  snapshotAnswer?: number;
  snapshot?: Snapshot;
}

/**
 * In the primary process: sends each worker that is scraped the metrics of all. The last counts of
 * a worker that ended stay in the sums, so that no counter falls.
 */
export function answerScrapes(): void {
  const last = new Map<number, Snapshot>();
  let ended: Promise<Values> = Promise.resolve([]);
  let serial = 0;

  cluster.on('message', (worker: Worker, { scrapeRequest, snapshot }: Message) => {
    if (snapshot && !worker.isDead()) last.set(worker.id, snapshot);
    if (scrapeRequest === undefined) return;
    collect().then(
      (text) => sendTo(worker, { scrapeAnswer: scrapeRequest, text }),
      (error) => sendTo(worker, { scrapeAnswer: scrapeRequest, error: String(error) }),
    );
  });
  cluster.on('exit', ({ id }: Worker) => {
    const final = last.get(id);
    last.delete(id);
    if (final) ended = ended.then((sums) => addEnded(sums, final));
  });

  async function collect(): Promise<string> {
    await Promise.all(
      Object.values(cluster.workers ?? {}).map((worker) => worker && requestSnapshot(worker)),
    );
    const [living, sums] = [[...last.values()], ended];
    return mergeSnapshots(living, await sums);
  }

  /** Waits until a worker has sent its metrics, has ended, or is too slow. */
  function requestSnapshot(worker: Worker): Promise<void> {
    const mine = serial++;
    return new Promise((resolve) => {
      const timer = setTimeout(end, SNAPSHOT_TIMEOUT_MS);
      worker.on('message', receive).once('exit', end);
      sendTo(worker, { snapshotRequest: mine });

      function receive({ snapshotAnswer }: Message): void {
        if (snapshotAnswer === mine) end();
      }

      function end(): void {
        clearTimeout(timer);
        worker.off('message', receive).off('exit', end);
        resolve();
      }
    });
  }
}

/**
 * In a worker: sends its metrics to the primary process when requested.
 * @returns a function that gets the text of the metrics of all workers
 */
export function createScrape(takeSnapshot: () => Promise<Snapshot>): () => Promise<string> {
  const waiting = new Map<number, { resolve(text: string): void; reject(error: Error): void }>();
  let serial = 0;
  process.on('message', async ({ snapshotRequest, scrapeAnswer, text, error }: Message) => {
    if (snapshotRequest !== undefined)
      process.send?.({ snapshotAnswer: snapshotRequest, snapshot: await takeSnapshot() });
    const request = scrapeAnswer === undefined ? undefined : waiting.get(scrapeAnswer);
    if (!request) return;
    waiting.delete(scrapeAnswer as number);
    if (text === undefined) request.reject(new Error(error));
    else request.resolve(text);
  });
  return () =>
    new Promise((resolve, reject) => {
      waiting.set(serial, { resolve, reject });
      process.send?.({ scrapeRequest: serial++ });
    });
}

/** A worker that has just ended gets no message. */
function sendTo(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => {});
}
