import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type Ended, SAMPLE, succeed } from './command.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A store in which the whole pipeline ran on the bundled sample, and what that printed. For reading only. */
    sample: Ended & { store: string };
  }
}

/** Runs the whole pipeline on the bundled sample once, for all tests. */
export default async function setup(project: TestProject): Promise<() => void> {
  // makeFolder() would clean up after a test; this is there for all of them.
  const store = mkdtempSync(join(tmpdir(), 'stock-market-test-'));
  const ended = await succeed(['pipeline', '--source', SAMPLE, '--store', store]);
  project.provide('sample', { ...ended, store });
  return () => rmSync(store, { recursive: true });
}
