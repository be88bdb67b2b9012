import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/sample-store.ts'],
    // Threads would share the native libraries of DuckDB and TensorFlow, and cannot be killed.
    pool: 'forks',
    maxWorkers: 2,
    // A test takes seconds; this is for machines that are busy with other things.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
