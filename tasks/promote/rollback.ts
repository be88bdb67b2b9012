import type { Context } from '../context.ts';
import { PermanentError } from '../lib/errors.ts';
import { championOutput, installChampion, withChampionLock } from '../store/champion.ts';
import { type Champion, HISTORY, successionOf } from '../store/champion-history.ts';
import { type ModelFile, modelFolders, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import type { Store } from '../store/store.ts';

/**
 * Puts the previous champion back into service, and the one before that when it is run again.
 * promote does not undo it. If a rollback was killed, the next one completes it and does no more.
 * @throws PermanentError when there was no previous champion, or its model is gone
 */
export async function rollback(
  { why }: { why?: string | undefined },
  { store, log }: Context,
): Promise<TaskResult> {
  const { file, rolledBack } = await withChampionLock(store, async ({ champion, isRolledBack, history }) => {
    const undone = history.at(-1)?.from;
    if (champion && isRolledBack && undone) return { file: champion, rolledBack: undone };
    const [current, previous] = successionOf(history).slice(-2).reverse();
    if (!current)
      throw new PermanentError(`${store.locate('model.bin')}: no model is in service; run promote first`);
    if (!previous)
      throw new PermanentError(
        `${store.locate(HISTORY)}: no model was in service before the one as of ${current.as_of}; choose another with promote --as-of YYYY-MM-DD --force`,
      );
    const file = await findModel(previous, store);
    await installChampion(file, { by: 'rollback', command: 'rollback', why: why ?? '' }, history, store);
    return { file, rolledBack: current };
  });
  log.info('rolled back', { from: rolledBack.as_of, to: file.model.asOf });
  return {
    status: 'done',
    inputs: [],
    outputs: [championOutput(file, store)],
    columnLineage: {},
    checks: [],
    metrics: { champion_as_of: file.model.asOf, rolled_back_as_of: rolledBack.as_of },
  };
}

/** The model with this SHA-256, even if another of its date has replaced it. */
async function findModel({ as_of, sha256 }: Champion, store: Store): Promise<ModelFile> {
  for (const { name } of (await modelFolders(store)).filter(({ asOf }) => asOf === as_of)) {
    const file = await readModel(name, store).catch(() => undefined);
    if (file?.sha256 === sha256) return file;
  }
  throw new PermanentError(
    `${store.locate('models')}: the model as of ${as_of} with the SHA-256 ${sha256} is gone or damaged; choose another with promote --as-of YYYY-MM-DD --force`,
  );
}
