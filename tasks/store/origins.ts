import type { Store } from './store.ts';

/**
 * Records which key a dataset was made from, as `features/<key>/prices.json`. prune needs it. The
 * first record stays.
 */
export async function publishOrigin(
  dataset: 'prices' | 'features',
  key: string,
  source: 'raw' | 'prices',
  sourceKey: string,
  store: Store,
): Promise<void> {
  const name = `${dataset}/${key}/${source}.json`;
  if ((await store.size(name)) === undefined)
    await store.publishText(name, `${JSON.stringify({ key: sourceKey })}\n`);
}

/** The key that a dataset was made from, if it is recorded. */
export async function readOrigin(
  dataset: 'prices' | 'features',
  key: string,
  source: 'raw' | 'prices',
  store: Store,
): Promise<string | undefined> {
  return (await store.readJson<{ key: string }>(`${dataset}/${key}/${source}.json`))?.key;
}
