import type { Context } from '../context.ts';
import { type ChampionState, championOutput, withChampionLock } from '../store/champion.ts';
import { rolledBackAt } from '../store/champion-history.ts';
import { type ModelFile, modelDates, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { compare, type Gates, measure } from './gates.ts';
import { type NewestBlock, readNewestBlock } from './newest-block.ts';

export interface PromoteOptions {
  /** Which model: YYYY-MM-DD. The newest, if not given. */
  asOf?: string | undefined;
  /** Also in place of a newer or better model, and of one that was rolled back. */
  force: boolean;
  /** The key of the features to measure on; those that were made last, if not given. */
  features?: string | undefined;
  gates: Gates;
}

/** What became of a challenger, and why. */
interface Decision {
  status: TaskResult['status'];
  reason: string;
  /** Whether it was let in without being held against a champion that cannot be read. */
  isUnmeasured?: boolean;
  checks?: TaskResult['checks'];
  metrics?: TaskResult['metrics'];
}

/**
 * Puts a model into service: its model.bin becomes the store's model.bin, and champion.json names it. A model never
 * takes the place of one with a newer as-of date, or of one that is better on the newest rows, or after it was rolled back, nor
 * goes first where its coverage on those rows is out of bounds, unless it is forced to. What is in service is what
 * model.bin itself says it is; where it cannot be read, what the history says.
 * @throws PermanentError when there is no such model, it is damaged, or there are no features to measure it on
 */
export async function promote(options: PromoteOptions, context: Context): Promise<TaskResult> {
  const { store, log } = context;
  const asOf = options.asOf ?? ((await modelDates(store)).at(-1) as string);
  const challenger = await readModel(asOf, store);
  const { mended, result } = await withChampionLock(store, async (office) => {
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

  const { champion, inService, checks = [], metrics, reason } = result;
  if (result.status === 'refused') log.warn(reason, { champion: inService, challenger: asOf });
  else if (result.isUnmeasured) log.warn(reason);
  const uri = store.locate(`models/${asOf}/model.bin`);
  return {
    status: result.status === 'up_to_date' && mended ? 'done' : result.status,
    inputs: [{ name: 'model', uri, key: challenger.sha256, rows: 0, bytes: challenger.bytes.length }],
    outputs: champion ? [championOutput(champion, store)] : [],
    columnLineage: {},
    checks,
    metrics: {
      champion_as_of: inService,
      challenger_as_of: asOf,
      reason,
      ...metrics,
    },
  };
}

async function decide(
  challenger: ModelFile,
  { champion, fault, history }: ChampionState,
  { force, features, gates }: PromoteOptions,
  context: Context,
): Promise<Decision> {
  if (champion?.sha256 === challenger.sha256) return { status: 'up_to_date', reason: 'it is in service' };
  if (force) return { status: 'done', reason: 'it was forced' };
  if (!champion && !fault)
    return admit(challenger, gates, await readNewestBlock([challenger], features, context));
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
  const block = await readNewestBlock([challenger, champion], features, context);
  const { checks, metrics, reasons } = await compare(challenger, champion, gates, block);
  const told = { checks, metrics: { ...describe(block), ...metrics } };
  const where = tellOf(block, 'which neither has seen', 'some of which trained or calibrated one of them');
  if (reasons.length > 0)
    return {
      status: 'refused',
      reason: `the model in service is better ${where}: ${reasons.join('; ')}; --force puts this one in its place`,
      ...told,
    };
  return {
    status: 'done',
    reason: `MAE ${metrics.mae_challenger?.toFixed(1)} beside the champion's ${metrics.mae_champion?.toFixed(1)} ${where}`,
    ...told,
  };
}

/** Decides where there is no champion. */
async function admit(challenger: ModelFile, gates: Gates, block: NewestBlock): Promise<Decision> {
  const { checks, metrics, reasons } = await measure(challenger, gates, block);
  const told = { checks, metrics: { ...describe(block), ...metrics } };
  const where = tellOf(block, 'which it has not seen', 'some of which trained or calibrated it');
  if (reasons.length > 0)
    return {
      status: 'refused',
      reason: `this model is not fit to be the first in service ${where}: ${reasons.join('; ')}; train on more rows, or give --force`,
      ...told,
    };
  return {
    status: 'done',
    reason: `no model was in service; MAE ${metrics.mae_challenger?.toFixed(1)} beside ${metrics.mae_vol_moving_avg?.toFixed(1)} of vol_moving_avg itself ${where}`,
    ...told,
  };
}

function tellOf({ from, until, rows, isUnseen }: NewestBlock, unseen: string, seen: string): string {
  return `on ${rows.volume.length} rows from ${from} to ${until}, ${isUnseen ? unseen : seen}`;
}

function describe({ from, until, rows, isUnseen }: NewestBlock): TaskResult['metrics'] {
  return {
    block_from: from,
    block_until: until,
    block_rows: rows.volume.length,
    block_unseen: String(isUnseen),
  };
}
