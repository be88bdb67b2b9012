/** Measures how long this machine pauses busy programs. No server's latency can be below that. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Milliseconds between two reads of the clock above which the loop was paused. */
const MIN_PAUSE_MS = 1;

export interface Pauses {
  /** Share of the time that was in pauses of over 1 ms. */
  share: number;
  /** Milliseconds. */
  longest: number;
}

/** Keeps every core busy with a loop that only reads the clock. */
export async function measurePauses(seconds: number): Promise<Pauses> {
  const loops = Array.from({ length: availableParallelism() }, async () => {
    const [pauses] = await once(new Worker(new URL(import.meta.url), { workerData: seconds }), 'message');
    return pauses as number[];
  });
  const pauses = (await Promise.all(loops)).flat();
  return {
    share: pauses.reduce((sum, pause) => sum + pause, 0) / (loops.length * seconds * 1_000),
    longest: Math.max(0, ...pauses),
  };
}

if (!isMainThread) parentPort?.postMessage(watchClock(workerData));

function watchClock(seconds: number): number[] {
  const pauses: number[] = [];
  const end = performance.now() + seconds * 1_000;
  for (let last = performance.now(); last < end; ) {
    const now = performance.now();
    if (now - last > MIN_PAUSE_MS) pauses.push(now - last);
    last = now;
  }
  return pauses;
}
