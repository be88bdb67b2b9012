import { dirname, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { codeKey, contentKey } from '../lib/content-key.ts';
import { PARQUET_WRITER } from '../lib/duckdb.ts';
import { publishOrigin } from '../store/origins.ts';
import { publishShards, type ShardSubset } from '../store/publish-shards.ts';
import { publishMadeBy } from '../store/remake-command.ts';
import type { TaskResult } from '../store/result.ts';
import { type ShardPlan, shardOf } from '../store/shards.ts';
import { summarizeShards } from '../store/summarize-shards.ts';
import { PRICE_COLUMNS } from './bad-rows.ts';
import { FileFactsCache } from './file-facts-cache.ts';
import { openSource } from './open-source.ts';
import { makePriceShard } from './price-shard.ts';
import type { PriceFile } from './prices.ts';
import { checkPricesDataset, countFutureRows } from './prices-dataset-checks.ts';
import { readSecurityNames } from './security-names.ts';
import type { Source } from './source-files.ts';

/** The files that decide which rows prices have, and how they are written. */
const CODE = ['*.sql', 'bad-rows.ts', 'csv.ts', 'file-facts.ts', 'price-shard.ts', 'prices.ts'];

const MIN_SHARDS = 16;

/**
 * The most CSV in a shard. It bounds the memory that a task needs, however large the set is. The
 * number of shards is a power of two, so that it rarely changes while a set grows.
 */
const MAX_SHARD_BYTES = 50e6;

const LINEAGE = {
  Symbol: ['raw.file name'],
  'Security Name': ['raw.file name', 'raw.NASDAQ Symbol', 'raw.Security Name'],
  ...Object.fromEntries(PRICE_COLUMNS.map((column) => [column, [`raw.${column}`]])),
};

export interface IngestOptions {
  /** A folder or a zip with the layout of the Kaggle set. */
  source: string;
  /** The key of the snapshot, if the source was downloaded. */
  snapshot?: string | undefined;
  /**
   * The number of Parquet files. The default is the power of two that keeps each below 50 MB of
   * CSV, and at least 16.
   */
  shards?: number | undefined;
  /** Set bad rows aside instead of stopping at them. */
  quarantine: boolean;
  /** The share of the rows, and of the symbols, of the latest prices that may be missing, 0 to 1; 1, if not given. */
  maxShrink?: number | undefined;
  /** Make only some of the shards. */
  shard?: ShardSubset | undefined;
}

type PriceShardPlan = ShardPlan & { files: PriceFile[] };

/**
 * Turns CSV files into prices: Parquet shards of whole symbols, sorted by Symbol, Date.
 * @throws PermanentError if the source is not valid or, without `quarantine`, if it has bad rows
 */
export async function ingest(options: IngestOptions, context: Context): Promise<TaskResult> {
  const { source: path, snapshot, shards: givenShards, quarantine, maxShrink, shard } = options;
  const cache = await FileFactsCache.open(resolve(path), context.store);
  const remedy = snapshot ? `remove the folder ${dirname(resolve(path))} and run download again` : undefined;
  const source = await openSource(path, cache, context.database.threads, remedy);
  await cache.save();
  try {
    const { metadata, systemFileCount } = source;
    if (systemFileCount > 0)
      context.log.info('ignored the files that macOS and Windows add', { files: systemFileCount });
    const names = readSecurityNames(await source.read(metadata), `${source.uri}: ${metadata.name}`);
    const files = source.files.map(
      (file): PriceFile => ({ ...file, securityName: names.get(file.symbol) ?? null }),
    );
    const published = await publishShards(
      'prices',
      planShards(files, givenShards, quarantine),
      shard,
      context,
      (plan, scratch, database) => makePriceShard(plan, source, quarantine, scratch, database),
      async (prices) =>
        checkPricesDataset(
          prices.shards.map(({ manifest }) => manifest),
          { ...source, files, names },
          await countFutureRows(prices, context.today, context.database),
        ),
      maxShrink,
    );
    if (snapshot) await publishOrigin('prices', published.key, 'raw', snapshot, context.store);
    await publishMadeBy(
      'prices',
      published.key,
      { task: 'ingest', args: toArguments(options) },
      context.store,
    );
    const result = await summarizeShards('prices', published, context);
    const rows = Number(result.metrics.rows_in ?? 0);
    return { ...result, inputs: [describeRaw(source, rows)], columnLineage: LINEAGE };
  } finally {
    source.close();
  }
}

/** The options that a key depends on, as on the command line. */
function toArguments({ source, shards, quarantine }: IngestOptions): string[] {
  return [
    '--source',
    resolve(source),
    ...(shards ? ['--shards', String(shards)] : []),
    ...(quarantine ? ['--quarantine'] : []),
  ];
}

/**
 * Spreads the files over shards by symbol. The key of a shard names everything that its bytes
 * depend on.
 */
function planShards(
  files: PriceFile[],
  givenShards: number | undefined,
  quarantine: boolean,
): PriceShardPlan[] {
  const count =
    givenShards ?? Math.max(MIN_SHARDS, 2 ** Math.ceil(Math.log2(sumBytes(files) / MAX_SHARD_BYTES)));
  const code = codeKey(import.meta.url, ...CODE);
  const filesOfShard = Map.groupBy(files, ({ symbol }) => shardOf(symbol, count));
  return Array.from({ length: count }, (_, index) => {
    const files = filesOfShard.get(index) ?? [];
    const content = files.map(({ name, bytes, crc32, symbol, securityName }) => [
      name,
      bytes,
      crc32,
      symbol,
      securityName,
    ]);
    return {
      index,
      key: contentKey('prices', code, PARQUET_WRITER, count, index, quarantine, content),
      files,
    };
  });
}

function describeRaw({ uri, files }: Source, rows: number): TaskResult['inputs'][number] {
  const key = contentKey(files.map(({ name, crc32 }) => [name, crc32]));
  return { name: 'raw', uri, rows, bytes: sumBytes(files), key };
}

function sumBytes(files: { bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}
