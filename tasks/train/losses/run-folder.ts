import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../../store/store.ts';

/** Makes logs/train/<as-of>/<n>/ for the losses of a run, where n is the next free number. */
export async function makeRunFolder(asOf: string, store: Store): Promise<string> {
  const parent = store.locate(`logs/train/${asOf}`);
  await mkdir(parent, { recursive: true });
  const runs = (await store.list(`logs/train/${asOf}`)).map(Number).filter(Number.isInteger);
  for (let n = Math.max(0, ...runs) + 1; ; n++) {
    const path = join(parent, String(n));
    try {
      await mkdir(path);
      return path;
    } catch (error) {
      // Another run took the number just now.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
