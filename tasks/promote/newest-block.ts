import type { Context } from '../context.ts';
import { readSql } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import { type FeatureRows, readFeatureRows, viewFeatures } from '../store/feature-rows.ts';
import type { ModelFile } from '../store/models.ts';
import { openDataset } from '../store/shards.ts';

/** The newest calendar days of the features, up to today. */
const BLOCK_DAYS = 90;
/**
 * If fewer rows than these are unseen by every model, the block includes rows that a model has
 * seen.
 */
const MIN_UNSEEN_ROWS = 1_000;

/** The rows that models are measured on before promotion. */
export interface NewestBlock {
  /** The first and the last day, YYYY-MM-DD. */
  from: string;
  until: string;
  rows: FeatureRows;
  /** Whether no row of the block trained or calibrated any of the models. */
  isUnseen: boolean;
}

/**
 * Reads the newest rows of the features: those that no model has seen, if there are enough of them.
 * @throws PermanentError when there are no features, a shard is damaged, or no row has a full
 * window
 */
export async function readNewestBlock(
  models: ModelFile[],
  featuresKey: string | undefined,
  { store, database, today }: Context,
): Promise<NewestBlock> {
  const features = await openDataset('features', featuresKey, 'features', store);
  await viewFeatures(features, database);
  const unseenFrom = models
    .map(({ model }) => model.provenance.measure_from ?? model.asOf)
    .sort()
    .at(-1) as string;
  await database.setVariable('unseen_from', unseenFrom);
  await database.setVariable('block_days', BLOCK_DAYS);
  await database.setVariable('today', today);
  const [bounds] = await database.rows<{
    block_until: string | null;
    newest_from: string;
    unseen_rows: bigint;
  }>(await readSql(import.meta.url, 'block-bounds.sql'));
  if (!bounds?.block_until)
    throw new PermanentError(
      `${features.uri}: no row until ${today} has a full window to measure a model on; ingest more rows, or use --force`,
    );
  const hasUnseenRows = unseenFrom <= bounds.newest_from || Number(bounds.unseen_rows) >= MIN_UNSEEN_ROWS;
  const from = hasUnseenRows && unseenFrom > bounds.newest_from ? unseenFrom : bounds.newest_from;
  return {
    from,
    until: bounds.block_until,
    rows: await readFeatureRows(from, bounds.block_until, database),
    isUnseen: hasUnseenRows,
  };
}
