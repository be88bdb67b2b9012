import type { Store } from './store.ts';

/** The as-of dates of the store's models, oldest first. */
export async function modelDates(store: Store): Promise<string[]> {
  return (await store.list('models')).filter((name) => /^\d{4}-\d{2}-\d{2}$/.test(name));
}
