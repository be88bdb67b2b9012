import { readFile } from 'node:fs/promises';
import { PermanentError } from '../lib/errors.ts';
import { assertChecksPass, checkIsZero, sumChecks } from './checks.ts';
import { formatChecksSummary } from './checks-summary.ts';
import type { Check } from './result.ts';
import type { ShardedDataset } from './shards.ts';
import type { Store } from './store.ts';

/** What latest.json says of a dataset. */
interface Latest {
  key: string;
  rows?: number;
}

/** Checks a dataset of which every shard is there, writes the report of its checks beside it, and names it the latest. */
export async function publishLatest(
  dataset: string,
  whole: ShardedDataset,
  review: (whole: ShardedDataset) => Promise<Check[]>,
  store: Store,
): Promise<Check[]> {
  if (whole.rows === 0)
    throw new PermanentError(`${whole.uri}: there is not one row; look at what it was made from`);
  const manifests = whole.shards.map(({ manifest }) => manifest);
  const latest = `${dataset}/latest.json`;
  const named = await store.readJson<Latest & { before?: Latest }>(latest);
  const isNamed = named?.key === whole.key;
  const before = isNamed ? named.before : named;
  const checks = [
    ...(await review(whole)),
    checkIsZero('rows_are_no_fewer_than_before', 'warn', Math.max((before?.rows ?? 0) - whole.rows, 0)),
  ];
  const all = [...sumChecks(manifests.flatMap((manifest) => manifest.checks)), ...checks];
  await publishSummary(`${dataset}/${whole.key}/checks.md`, formatChecksSummary(dataset, whole, all), store);
  assertChecksPass(checks, `${dataset}/${whole.key}`, 'it does not become the latest');
  if (!isNamed)
    await store.publishText(
      latest,
      `${JSON.stringify({ key: whole.key, rows: whole.rows, before: named && { key: named.key, rows: named.rows } })}\n`,
    );
  return checks;
}

/** Writes the report unless it is there as it is: the same shards may be judged anew, as by names that have changed. */
async function publishSummary(name: string, text: string, store: Store): Promise<void> {
  const present = await readFile(store.locate(name), 'utf8').catch(() => undefined);
  if (present !== text) await store.publishText(name, text);
}

/** Says beside a dataset which key it was made from, for prune; the first that it was made from is enough. */
export async function publishOrigin(name: string, key: string, store: Store): Promise<void> {
  if ((await store.size(name)) === undefined) await store.publishText(name, `${JSON.stringify({ key })}\n`);
}
