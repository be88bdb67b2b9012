import type { Context } from '../context.ts';
import { readSql } from '../duckdb.ts';
import { InputError } from '../errors.ts';
import { evaluate, readFeatureRows, viewFeatures } from '../feature-rows.ts';
import type { ModelFile } from '../models.ts';
import type { Check } from '../result.ts';
import { ratio, type Score } from '../score.ts';
import { openDataset } from '../shards.ts';

/** Calendar days in the block, the newest of the features. */
const BLOCK_DAYS = 90;
/** With fewer rows than these that neither model has seen, rows that one has seen are taken, too. */
const FEWEST_UNSEEN = 1_000;

/** How much worse than the champion a challenger may be. */
export interface Gates {
  maxMaeRatio: number;
  maxRmsleRatio: number;
  minCoverage: number;
  maxCoverage: number;
}

export interface Comparison {
  /** The first and the last day, YYYY-MM-DD, and whether no row of it trained or calibrated either model. */
  block: { from: string; until: string; rows: number; isUnseen: boolean };
  challenger: Score & { coverage: number };
  champion: Score & { coverage: number };
  checks: Check[];
  /** Why the challenger is worse; none where it passes. */
  reasons: string[];
}

/**
 * Holds two models against the same rows: those of the newest days of the features that neither has seen.
 * @throws InputError when there are no rows to compare on
 */
export async function compare(
  challenger: ModelFile,
  champion: ModelFile,
  gates: Gates,
  featuresKey: string | undefined,
  { store, database }: Context,
): Promise<Comparison> {
  const features = await openDataset('features', featuresKey, 'features', store);
  await viewFeatures(features.shards, database);
  const seen = [challenger, champion].map(({ model }) => lastSeen(model));
  const unseenFrom = seen.map(({ before }) => before).sort()[1] as string;
  await database.setVariable('unseen_from', unseenFrom);
  await database.setVariable('block_days', BLOCK_DAYS);
  const [bounds] = await database.rows<{
    block_until: string | null;
    newest_from: string;
    unseen_rows: bigint;
  }>(await readSql(import.meta.url, 'block-bounds.sql'));
  if (!bounds?.block_until)
    throw new InputError(
      `${features.uri}: no row has a full window to compare two models on; ingest more rows, or give --force`,
    );
  const isWide = unseenFrom <= bounds.newest_from || Number(bounds.unseen_rows) >= FEWEST_UNSEEN;
  const from = isWide && unseenFrom > bounds.newest_from ? unseenFrom : bounds.newest_from;
  const rows = await readFeatureRows(from, bounds.block_until, database);
  const scores = {
    challenger: await evaluate(challenger.model, rows),
    champion: await evaluate(champion.model, rows),
  };
  const block = {
    from,
    until: bounds.block_until,
    rows: rows.volume.length,
    isUnseen: isWide && seen.every(({ isSure }) => isSure),
  };
  return { block, ...scores, ...judge(scores.challenger, scores.champion, gates) };
}

/** Whether a challenger passes. One whose coverage is out of bounds does if the champion's lies as far from 0.8. */
export function judge(
  challenger: Comparison['challenger'],
  champion: Comparison['champion'],
  { maxMaeRatio, maxRmsleRatio, minCoverage, maxCoverage }: Gates,
): { checks: Check[]; reasons: string[] } {
  const mae = ratio(challenger.mae, champion.mae);
  const rmsle = ratio(challenger.rmsle, champion.rmsle);
  const isCovering =
    (challenger.coverage >= minCoverage && challenger.coverage <= maxCoverage) ||
    Math.abs(challenger.coverage - 0.8) <= Math.abs(champion.coverage - 0.8);
  const results: [string, boolean, number, string][] = [
    [
      'mae_is_within_gate',
      mae <= maxMaeRatio,
      mae,
      `its MAE is ${challenger.mae.toFixed(1)}, ${mae.toFixed(4)} times the champion's ${champion.mae.toFixed(1)}; --max-mae-ratio is ${maxMaeRatio}`,
    ],
    [
      'rmsle_is_within_gate',
      rmsle <= maxRmsleRatio,
      rmsle,
      `its RMSLE is ${challenger.rmsle.toFixed(4)}, ${rmsle.toFixed(4)} times the champion's ${champion.rmsle.toFixed(4)}; --max-rmsle-ratio is ${maxRmsleRatio}`,
    ],
    [
      'coverage_is_within_gate',
      isCovering,
      challenger.coverage,
      `${(challenger.coverage * 100).toFixed(1)} % of the volumes lie between its p10 and p90, the champion's ${(champion.coverage * 100).toFixed(1)} %; --min-coverage is ${minCoverage}, --max-coverage ${maxCoverage}`,
    ],
  ];
  return {
    checks: results.map(([name, passed, value]) => ({ name, severity: 'warn', passed, value })),
    reasons: results.filter(([, passed]) => !passed).map(([, , , reason]) => reason),
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
