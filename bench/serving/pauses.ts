/** How long this machine keeps programs waiting that have nothing to wait for: what no server's latency can be below. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Milliseconds between two looks at the clock from which on the loop counts as paused. */
const PAUSE = 1;

export interface Pauses {
  /** Share of the time that went by in pauses of over a millisecond. */
  share: number;
  /** Milliseconds. */
  longest: number;
}

/** Keeps every core busy with a loop that only looks at the clock. */
export async function pausesOf(seconds: number): Promise<Pauses> {
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
    if (now - last > PAUSE) pauses.push(now - last);
    last = now;
  }
  return pauses;
}
