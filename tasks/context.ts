import type { Database } from './lib/duckdb.ts';
import type { Logger } from './lib/log.ts';
import type { Progress } from './lib/progress.ts';
import type { Store } from './store/store.ts';

/** What every task works with. */
export interface Context {
  store: Store;
  database: Database;
  log: Logger;
  progress: Progress;
  /** The day on which the task runs, in UTC: YYYY-MM-DD. */
  today: string;
}
