import { setImmediate } from 'node:timers/promises';

/** A seeded generator of numbers in [0, 1): mulberry32 by Tommy Ettinger. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Shuffles in place (Fisher-Yates). Now and then it lets the event loop handle signals. */
export async function shuffle(values: Int32Array, random: () => number): Promise<void> {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const value = values[last] as number;
    values[last] = values[other] as number;
    values[other] = value;
    if (last % 1_000_000 === 0) await setImmediate();
  }
}
