import { readFile } from 'node:fs/promises';
import { PermanentError } from '../lib/errors.ts';
import { formatCount } from '../lib/table.ts';
import { assertChecksPass, checkCount, sumChecks } from './checks.ts';
import { formatChecksSummary } from './checks-summary.ts';
import type { Check } from './result.ts';
import { type ShardedDataset, sumCounts } from './shards.ts';
import type { Store } from './store.ts';

/** A key, its number of rows and, for prices, of symbols, as latest.json holds them. */
interface Latest {
  key: string;
  rows?: number;
  symbols?: number | undefined;
}

/**
 * Checks a complete dataset, publishes the summary of its checks, and names its key in latest.json.
 * @param maxShrink the share of the latest rows, and of their symbols, that the dataset may lack
 * @throws PermanentError when the dataset has no rows, a check fails, or the dataset lacks more
 */
export async function publishLatest(
  dataset: string,
  complete: ShardedDataset,
  review: (complete: ShardedDataset) => Promise<Check[]>,
  maxShrink: number | undefined,
  store: Store,
): Promise<Check[]> {
  const { key, rows, shards, uri } = complete;
  if (rows === 0) throw new PermanentError(`${uri}: there are no rows; check the data that it was made from`);
  const name = `${dataset}/latest.json`;
  const latest = await store.readJson<Latest & { before?: Latest }>(name);
  const isLatest = latest?.key === key;
  const before = isLatest ? latest.before : latest;
  const symbols = sumCounts(shards.map(({ manifest }) => manifest.metrics)).symbols;
  const checks = [
    ...(await review(complete)),
    checkCount('rows_are_no_fewer_than_before', 'warn', Math.max((before?.rows ?? 0) - rows, 0)),
  ];
  const shardChecks = sumChecks(shards.flatMap(({ manifest }) => manifest.checks));
  const summary = formatChecksSummary(dataset, complete, [...shardChecks, ...checks]);
  await publishSummary(`${dataset}/${key}/checks.md`, summary, store);
  assertChecksPass(checks, `${dataset}/${key}`, 'it did not become the latest');
  if (isLatest) return checks;
  // A key that is the latest already was allowed to be smaller than the one before.
  if (maxShrink !== undefined) assertNotShrunk({ key, rows, symbols }, latest, maxShrink, dataset);
  const { before: _, ...previous } = latest ?? {};
  await store.publishText(name, `${JSON.stringify({ key, rows, symbols, before: latest && previous })}\n`);
  return checks;
}

/** @throws PermanentError when too large a share of the rows, or of the symbols, of the latest key is missing */
function assertNotShrunk(
  { key, rows, symbols }: Latest,
  latest: Latest | undefined,
  maxShrink: number,
  dataset: string,
): void {
  for (const [what, now, before] of [
    ['rows', rows, latest?.rows],
    ['symbols', symbols, latest?.symbols],
  ] as const) {
    if (!before || now === undefined || before - now <= before * maxShrink) continue;
    throw new PermanentError(
      `${dataset}/${key}: there are ${formatCount(now)} ${what}, but ${dataset}/${latest?.key} has ${formatCount(before)}, and --max-shrink is ${maxShrink}; it did not become the latest; complete the source or, if it should be smaller, use --max-shrink 1 (MAX_SHRINK=1)`,
    );
  }
}

/** The text can differ for the same shards, since a check may depend on more than the shards. */
async function publishSummary(name: string, text: string, store: Store): Promise<void> {
  const published = await readFile(store.locate(name), 'utf8').catch(() => undefined);
  if (published !== text) await store.publishText(name, text);
}
