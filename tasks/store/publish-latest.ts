import { readFile } from 'node:fs/promises';
import { PermanentError } from '../lib/errors.ts';
import { assertChecksPass, checkCount, sumChecks } from './checks.ts';
import { formatChecksSummary } from './checks-summary.ts';
import type { Check } from './result.ts';
import type { ShardedDataset } from './shards.ts';
import type { Store } from './store.ts';

/** A key and its number of rows, as latest.json holds them. */
interface Latest {
  key: string;
  rows?: number;
}

/**
 * Checks a complete dataset, publishes the summary of its checks, and names its key in latest.json.
 * @throws PermanentError when the dataset has no rows, or a check fails
 */
export async function publishLatest(
  dataset: string,
  complete: ShardedDataset,
  review: (complete: ShardedDataset) => Promise<Check[]>,
  store: Store,
): Promise<Check[]> {
  const { key, rows, shards, uri } = complete;
  if (rows === 0) throw new PermanentError(`${uri}: there are no rows; check the data that it was made from`);
  const name = `${dataset}/latest.json`;
  const latest = await store.readJson<Latest & { before?: Latest }>(name);
  const isLatest = latest?.key === key;
  const before = isLatest ? latest.before : latest;
  const checks = [
    ...(await review(complete)),
    checkCount('rows_are_no_fewer_than_before', 'warn', Math.max((before?.rows ?? 0) - rows, 0)),
  ];
  const shardChecks = sumChecks(shards.flatMap(({ manifest }) => manifest.checks));
  const summary = formatChecksSummary(dataset, complete, [...shardChecks, ...checks]);
  await publishSummary(`${dataset}/${key}/checks.md`, summary, store);
  assertChecksPass(checks, `${dataset}/${key}`, 'it did not become the latest');
  if (!isLatest)
    await store.publishText(
      name,
      `${JSON.stringify({ key, rows, before: latest && { key: latest.key, rows: latest.rows } })}\n`,
    );
  return checks;
}

/** The text can differ for the same shards, since a check may depend on more than the shards. */
async function publishSummary(name: string, text: string, store: Store): Promise<void> {
  const published = await readFile(store.locate(name), 'utf8').catch(() => undefined);
  if (published !== text) await store.publishText(name, text);
}
