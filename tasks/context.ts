import type { Database } from './duckdb.ts';
import type { Logger } from './log.ts';
import type { Progress } from './progress.ts';
import type { Store } from './store.ts';

/** What every task is given to work with. */
export interface Context {
  store: Store;
  database: Database;
  log: Logger;
  progress: Progress;
}
