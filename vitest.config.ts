import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/sample-store.ts'],
    // Threads would share the native libraries of DuckDB and TensorFlow, and a thread cannot be killed.
    pool: 'forks',
    maxWorkers: 2,
    // Most tests take seconds. These limits allow for a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
