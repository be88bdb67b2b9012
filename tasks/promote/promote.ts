import type { Context } from '../context.ts';
import { type ChampionState, championOutput, installChampion, withChampionLock } from '../store/champion.ts';
import { rolledBackAt } from '../store/champion-history.ts';
import { type ModelFile, modelDates, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { compareWithChampion, type Gates, measureFirstModel } from './gates.ts';
import { isOlder } from './is-older.ts';
import { type NewestBlock, readNewestBlock } from './newest-block.ts';

export interface PromoteOptions {
  /** The model's as-of date, YYYY-MM-DD. The newest model, if not given. */
  asOf?: string | undefined;
  /** Promote even an older, worse or rolled-back model. */
  force: boolean;
  /** The key of the features to measure on; the latest, if not given. */
  features?: string | undefined;
  gates: Gates;
}

/** Whether a challenger goes into service, and why. */
interface Decision {
  status: TaskResult['status'];
  reason: string;
  /** Whether the challenger could not be compared, since the champion cannot be read. */
  isUnmeasured?: boolean;
  checks?: TaskResult['checks'];
  metrics?: TaskResult['metrics'];
}

/**
 * Puts a model into service: copies its model.bin to the store's model.bin, and names it in
 * champion.json. Unless forced, it refuses a model that is older than the champion, that is worse
 * on the newest rows, or that was rolled back, and a first model whose coverage on those rows is
 * out of bounds. The champion is the model in model.bin, or what the history says if that file
 * cannot be read.
 * @throws PermanentError when there is no such model, it is damaged, or there are no features to
 * measure it on
 */
export async function promote(options: PromoteOptions, context: Context): Promise<TaskResult> {
  const { store, log, today } = context;
  const asOf = options.asOf ?? newestDate(await modelDates(store), today);
  const challenger = await readModel(asOf, store);
  const command = `promote --as-of ${asOf}${options.force ? ' --force' : ''}`;
  const { decision, champion, championAsOf, isRepaired } = await withChampionLock(store, async (state) => {
    const decision = await decide(challenger, state, options, context);
    const isPromoted = decision.status === 'done';
    if (isPromoted) {
      const change = { by: 'promote', command, why: decision.reason } as const;
      await installChampion(challenger, change, state.history, store);
    }
    return {
      decision,
      champion: isPromoted ? challenger : state.champion,
      championAsOf: state.history.at(-1)?.to.as_of ?? '',
      isRepaired: state.isRepaired,
    };
  });

  const { status, reason, isUnmeasured, checks = [], metrics } = decision;
  if (status === 'refused') log.warn(reason, { champion: championAsOf, challenger: asOf });
  else if (isUnmeasured) log.warn(reason);
  const uri = store.locate(`models/${asOf}/model.bin`);
  return {
    status: status === 'up_to_date' && isRepaired ? 'done' : status,
    inputs: [{ name: 'model', uri, key: challenger.sha256, rows: 0, bytes: challenger.bytes.length }],
    outputs: champion ? [championOutput(champion, store)] : [],
    columnLineage: {},
    checks,
    metrics: { champion_as_of: championAsOf, challenger_as_of: asOf, reason, ...metrics },
  };
}

/** The newest date that is not after today; if all are, the newest. */
function newestDate(dates: string[], today: string): string {
  return (dates.findLast((date) => date <= today) ?? dates.at(-1)) as string;
}

async function decide(
  challenger: ModelFile,
  { champion, readError, history }: ChampionState,
  { force, features, gates }: PromoteOptions,
  context: Context,
): Promise<Decision> {
  if (champion?.sha256 === challenger.sha256)
    return { status: 'up_to_date', reason: 'it is already in service' };
  if (force) return { status: 'done', reason: 'it was promoted with --force' };
  if (!champion && !readError)
    return decideByCoverage(challenger, gates, await readNewestBlock([challenger], features, context));
  const current = history.at(-1)?.to;
  if (!current)
    return refusal(`${readError}; the history does not say which model it is; use --force to replace it`);
  if (await isOlder(challenger.model.asOf, current, context))
    return refusal(
      champion
        ? 'a newer model is in service; use --force to replace it'
        : `${readError}; it should be the newer model as of ${current.as_of}; promote that model, or use --force`,
    );
  const rollbackTime = rolledBackAt(challenger.sha256, history);
  if (rollbackTime)
    return refusal(`this model was rolled back at ${rollbackTime}; use --force to promote it again`);
  if (!champion)
    return {
      status: 'done',
      isUnmeasured: true,
      reason: `${readError}; this model was not compared with the champion, the model as of ${current.as_of}`,
    };
  const block = await readNewestBlock([challenger, champion], features, context);
  return decideByComparison(challenger, champion, gates, block);
}

async function decideByComparison(
  challenger: ModelFile,
  champion: ModelFile,
  gates: Gates,
  block: NewestBlock,
): Promise<Decision> {
  const { checks, metrics, reasons } = await compareWithChampion(challenger, champion, gates, block);
  const measured = { checks, metrics: { ...blockMetrics(block), ...metrics } };
  const where = describeBlock(
    block,
    'which neither model has seen',
    'some of which trained or calibrated one of the models',
  );
  return reasons.length > 0
    ? {
        ...refusal(
          `the model in service is better ${where}: ${reasons.join('; ')}; use --force to replace it`,
        ),
        ...measured,
      }
    : {
        status: 'done',
        reason: `its MAE is ${metrics.mae_challenger?.toFixed(1)}, the champion's ${metrics.mae_champion?.toFixed(1)}, ${where}`,
        ...measured,
      };
}

/** Decides where no model is in service. */
async function decideByCoverage(challenger: ModelFile, gates: Gates, block: NewestBlock): Promise<Decision> {
  const { checks, metrics, reasons } = await measureFirstModel(challenger, gates, block);
  const measured = { checks, metrics: { ...blockMetrics(block), ...metrics } };
  const where = describeBlock(block, 'which it has not seen', 'some of which trained or calibrated it');
  return reasons.length > 0
    ? {
        ...refusal(
          `this model does not qualify as the first in service ${where}: ${reasons.join('; ')}; train on more rows, or use --force`,
        ),
        ...measured,
      }
    : {
        status: 'done',
        reason: `no model was in service; its MAE is ${metrics.mae_challenger?.toFixed(1)}, that of vol_moving_avg ${metrics.mae_vol_moving_avg?.toFixed(1)}, ${where}`,
        ...measured,
      };
}

function refusal(reason: string): Decision {
  return { status: 'refused', reason };
}

function describeBlock({ from, until, rows, isUnseen }: NewestBlock, unseen: string, seen: string): string {
  return `on ${rows.volume.length} rows from ${from} to ${until}, ${isUnseen ? unseen : seen}`;
}

function blockMetrics({ from, until, rows, isUnseen }: NewestBlock): TaskResult['metrics'] {
  return {
    block_from: from,
    block_until: until,
    block_rows: rows.volume.length,
    block_unseen: String(isUnseen),
  };
}
