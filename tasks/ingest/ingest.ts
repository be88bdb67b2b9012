import { dirname, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { contentKey } from '../lib/content-key.ts';
import { publishOrigin } from '../store/origins.ts';
import { publishShards, type ShardSubset } from '../store/publish-shards.ts';
import type { TaskResult } from '../store/result.ts';
import { type ShardPlan, shardOf } from '../store/shards.ts';
import { summarizeShards } from '../store/summarize-shards.ts';
import { COLUMNS } from './bad-rows.ts';
import { KnownFiles } from './known-files.ts';
import type { NamedFile } from './prices.ts';
import { countRowsToCome, reviewPrices } from './review.ts';
import { readSecurityNames } from './security-names.ts';
import { makeShard } from './shard.ts';
import { openSource } from './source.ts';

/** Goes up whenever the same files give other Parquet files than before. */
const FORMAT_VERSION = 4;

const LEAST_SHARDS = 16;
/**
 * Of CSV, at most in a shard: what a stage has in memory is some shards, however large the set is. Their number is a power of
 * two, so that a growing set rarely gets other shards.
 */
const SHARD_BYTES = 50e6;

const LINEAGE = {
  Symbol: ['raw.file name'],
  'Security Name': ['raw.file name', 'raw.NASDAQ Symbol', 'raw.Security Name'],
  ...Object.fromEntries(COLUMNS.map((column) => [column, [`raw.${column}`]])),
};

export interface IngestOptions {
  /** A folder or a zip of the Kaggle shape. */
  source: string;
  /** The key of the snapshot that the source is, where it was downloaded. */
  snapshot?: string | undefined;
  /** How many Parquet files the prices are spread over; 16 or, of a larger set, the power of two with which none gets larger. */
  shards?: number | undefined;
  /** Set bad rows aside instead of stopping at them. */
  quarantine: boolean;
  /** Make only a part of the shards. */
  shard?: ShardSubset | undefined;
}

/**
 * Turns CSV files into Parquet prices: every row once, in shards of whole symbols, sorted by Symbol, Date.
 * @throws PermanentError at bad input and, unless they are to be set aside, at bad rows
 */
export async function ingest(
  { source: path, snapshot, shards: asked, quarantine, shard }: IngestOptions,
  context: Context,
): Promise<TaskResult> {
  const known = await KnownFiles.open(resolve(path), context.store);
  const remedy = snapshot ? `remove the folder ${dirname(resolve(path))} and run download again` : undefined;
  const source = await openSource(path, known, context.database.threads, remedy);
  await known.save();
  try {
    const { metadata } = source;
    const names = readSecurityNames(await source.read(metadata), `${source.uri}: ${metadata.name}`);
    const files = source.files.map(
      (file): NamedFile => ({ ...file, securityName: names.get(file.symbol) ?? null }),
    );
    const bytes = files.reduce((total, file) => total + file.bytes, 0);
    const shards = asked ?? Math.max(LEAST_SHARDS, 2 ** Math.ceil(Math.log2(bytes / SHARD_BYTES)));
    const filesOfShard = Map.groupBy(files, ({ symbol }) => shardOf(symbol, shards));
    const plans = Array.from({ length: shards }, (_, index): ShardPlan & { files: NamedFile[] } => {
      const mine = filesOfShard.get(index) ?? [];
      const content = mine.map(({ name, bytes, crc32, symbol, securityName }) => [
        name,
        bytes,
        crc32,
        symbol,
        securityName,
      ]);
      return {
        index,
        key: contentKey('prices', FORMAT_VERSION, shards, index, quarantine, content),
        files: mine,
      };
    });
    const published = await publishShards(
      'prices',
      plans,
      shard,
      context,
      (plan, scratch, database) => makeShard(plan, source, quarantine, scratch, database),
      async ({ shards }) => {
        const today = new Date().toISOString().slice(0, 10);
        return reviewPrices(
          shards.map(({ manifest }) => manifest),
          { files, passedOver: source.passedOver, csvFiles: source.csvFiles, names },
          await countRowsToCome(shards, today, context.database),
        );
      },
    );
    if (snapshot) await publishOrigin('prices', published.key, 'raw', snapshot, context.store);
    const result = await summarizeShards('prices', published, context);
    const raw = {
      name: 'raw',
      uri: source.uri,
      rows: Number(result.metrics.rows_in ?? 0),
      bytes,
      key: contentKey(files.map(({ name, crc32 }) => [name, crc32])),
    };
    return { ...result, inputs: [raw], columnLineage: LINEAGE };
  } finally {
    source.close();
  }
}
