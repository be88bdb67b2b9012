import { championOutput, type Office, withChampion } from '../champion.ts';
import { rolledBackAt } from '../champion-history.ts';
import type { Context } from '../context.ts';
import { type ModelFile, modelDates, readModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import { type Comparison, compare, type Gates } from './compare.ts';

export interface PromoteOptions {
  /** Which model: YYYY-MM-DD. The newest, if not given. */
  asOf?: string | undefined;
  /** Also in place of a newer or better model, and of one that was rolled back. */
  force: boolean;
  /** The key of the features to compare on; those that were made last, if not given. */
  features?: string | undefined;
  gates: Gates;
}

/** What became of a challenger, and why. */
interface Decision {
  status: Outcome['status'];
  reason: string;
  /** Whether it was let in without being held against a champion that cannot be read. */
  isUnmeasured?: boolean;
  comparison?: Comparison;
}

/**
 * Puts a model into service: its model.bin becomes the store's model.bin, and champion.json names it. A model never
 * takes the place of one with a newer as-of date, of one that is better on the newest rows, or after it was rolled back,
 * unless it is forced to. What is in service is what model.bin itself says it is; where it cannot be read, what the history says.
 * @throws InputError when there is no such model, it is damaged, or there are no rows to compare it on
 */
export async function promote(options: PromoteOptions, context: Context): Promise<Outcome> {
  const { store, log } = context;
  const asOf = options.asOf ?? ((await modelDates(store)).at(-1) as string);
  const challenger = await readModel(asOf, store);
  const { mended, result } = await withChampion(store, async (office) => {
    const decision = await decide(challenger, office, options, context);
    if (decision.status === 'done')
      await office.install(
        challenger,
        'promote',
        `promote --as-of ${asOf}${options.force ? ' --force' : ''}`,
        decision.reason,
      );
    return {
      ...decision,
      champion: decision.status === 'done' ? challenger : office.champion,
      inService: office.history.at(-1)?.to.as_of ?? '',
    };
  });

  const { champion, inService, comparison, reason } = result;
  if (result.status === 'refused') log.warn(reason, { champion: inService, challenger: asOf });
  else if (result.isUnmeasured) log.warn(reason);
  const uri = store.locate(`models/${asOf}/model.bin`);
  return {
    status: result.status === 'up_to_date' && mended ? 'done' : result.status,
    inputs: [{ name: 'model', uri, key: challenger.sha256, rows: 0, bytes: challenger.bytes.length }],
    outputs: champion ? [championOutput(champion, store)] : [],
    columnLineage: {},
    checks: comparison?.checks ?? [],
    metrics: {
      champion_as_of: inService,
      challenger_as_of: asOf,
      reason,
      ...(comparison && describeComparison(comparison)),
    },
  };
}

async function decide(
  challenger: ModelFile,
  { champion, fault, history }: Office,
  { force, features, gates }: PromoteOptions,
  context: Context,
): Promise<Decision> {
  if (!champion && !fault) return { status: 'done', reason: 'no model was in service' };
  if (champion?.sha256 === challenger.sha256) return { status: 'up_to_date', reason: 'it is in service' };
  if (force) return { status: 'done', reason: 'it was forced' };
  const current = history.at(-1)?.to;
  if (!current)
    return {
      status: 'refused',
      reason: `${fault}, and no history says which model it is; --force puts this one in its place`,
    };
  if (current.as_of > challenger.model.asOf)
    return {
      status: 'refused',
      reason: champion
        ? 'a newer model stays in service; --force puts this one in its place'
        : `${fault}; it should be the newer model as of ${current.as_of}: promote that one, or give --force`,
    };
  const undone = rolledBackAt(challenger.sha256, history);
  if (undone)
    return { status: 'refused', reason: `this model was rolled back at ${undone}; --force puts it back` };
  if (!champion)
    return {
      status: 'done',
      isUnmeasured: true,
      reason: `${fault}; this model was not held against it, which was the one as of ${current.as_of}`,
    };
  const comparison = await compare(challenger, champion, gates, features, context);
  const { block, reasons } = comparison;
  const where = `on ${block.rows} rows from ${block.from} to ${block.until}, ${block.isUnseen ? 'which neither has seen' : 'some of which trained or calibrated one of them'}`;
  if (reasons.length > 0)
    return {
      status: 'refused',
      reason: `the model in service is better ${where}: ${reasons.join('; ')}; --force puts this one in its place`,
      comparison,
    };
  const { challenger: ours, champion: theirs } = comparison;
  return {
    status: 'done',
    reason: `MAE ${ours.mae.toFixed(1)} beside the champion's ${theirs.mae.toFixed(1)} ${where}`,
    comparison,
  };
}

function describeComparison({ block, challenger, champion }: Comparison): Outcome['metrics'] {
  return {
    block_from: block.from,
    block_until: block.until,
    block_rows: block.rows,
    block_unseen: String(block.isUnseen),
    mae_challenger: challenger.mae,
    mae_champion: champion.mae,
    rmsle_challenger: challenger.rmsle,
    rmsle_champion: champion.rmsle,
    coverage_challenger: challenger.coverage,
    coverage_champion: champion.coverage,
  };
}
