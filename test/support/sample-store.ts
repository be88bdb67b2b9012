import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type ProcessResult, SAMPLE, succeed } from './command.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A store after the pipeline on the bundled sample, and the output. Do not write to it. */
    sample: ProcessResult & { store: string };
  }
}

/** Runs the pipeline on the bundled sample once for all tests. */
export default async function setup(project: TestProject): Promise<() => void> {
  // Not makeFolder(), which cleans up after one test.
  const store = mkdtempSync(join(tmpdir(), 'stock-market-test-'));
  const ended = await succeed(['pipeline', '--source', SAMPLE, '--store', store]);
  project.provide('sample', { ...ended, store });
  return () => rmSync(store, { recursive: true });
}
