import type { Context } from '../context.ts';
import { readSql } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import { type FeatureRows, readFeatureRows, throwReadError, viewFeatures } from '../store/feature-rows.ts';
import type { ModelFile } from '../store/models.ts';
import { openDataset } from '../store/shards.ts';

/** Calendar days in the block, the newest of the features. */
const BLOCK_DAYS = 90;
/** With fewer rows than these that no model has seen, rows that one has seen are taken, too. */
const FEWEST_UNSEEN = 1_000;

/** The rows that models are measured on. */
export interface NewestBlock {
  /** The first and the last day, YYYY-MM-DD. */
  from: string;
  until: string;
  rows: FeatureRows;
  /** Whether no row of it trained or calibrated any of the models. */
  isUnseen: boolean;
}

/**
 * Reads the rows of the newest days of the features, where there are enough those that none of the models has seen.
 * @throws PermanentError when there are no features, a shard of them is damaged, or no row has a full window
 */
export async function readNewestBlock(
  models: ModelFile[],
  featuresKey: string | undefined,
  { store, database }: Context,
): Promise<NewestBlock> {
  const features = await openDataset('features', featuresKey, 'features', store);
  await viewFeatures(features, database);
  const seen = models.map(({ model }) => lastSeen(model));
  const unseenFrom = seen
    .map(({ before }) => before)
    .sort()
    .at(-1) as string;
  await database.setVariable('unseen_from', unseenFrom);
  await database.setVariable('block_days', BLOCK_DAYS);
  const [bounds] = await database
    .rows<{ block_until: string | null; newest_from: string; unseen_rows: bigint }>(
      await readSql(import.meta.url, 'block-bounds.sql'),
    )
    .catch(throwReadError(features));
  if (!bounds?.block_until)
    throw new PermanentError(
      `${features.uri}: no row has a full window to measure a model on; ingest more rows, or give --force`,
    );
  const isWide = unseenFrom <= bounds.newest_from || Number(bounds.unseen_rows) >= FEWEST_UNSEEN;
  const from = isWide && unseenFrom > bounds.newest_from ? unseenFrom : bounds.newest_from;
  return {
    from,
    until: bounds.block_until,
    rows: await readFeatureRows(features, from, bounds.block_until, database),
    isUnseen: isWide && seen.every(({ isSure }) => isSure),
  };
}

/**
 * The day before which all rows lie that trained or calibrated a model. Not sure of one that does not say where calibration
 * ended: then it is where that began.
 */
function lastSeen({ provenance, asOf }: ModelFile['model']): { before: string; isSure: boolean } {
  const { validation_from, measure_from } = provenance;
  return {
    before: measure_from ?? validation_from ?? asOf,
    isSure: Boolean(measure_from) || !validation_from,
  };
}
