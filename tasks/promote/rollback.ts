import type { Context } from '../context.ts';
import { PermanentError } from '../lib/errors.ts';
import { championOutput, withChampionLock } from '../store/champion.ts';
import { type Champion, successionOf } from '../store/champion-history.ts';
import { type ModelFile, modelFolders, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import type { Store } from '../store/store.ts';

/**
 * Puts the champion before the one in service back, and the one before that when it is run again. promote does not undo it.
 * Run again after it was killed, it finishes what it had begun.
 * @throws PermanentError when there was none, or its model is gone
 */
export async function rollback(
  { why }: { why?: string | undefined },
  { store, log }: Context,
): Promise<TaskResult> {
  const { result } = await withChampionLock(store, async ({ champion, isRolledBack, history, install }) => {
    const undone = history.at(-1)?.from;
    if (champion && isRolledBack && undone) return { file: champion, current: undone };
    const [current, before] = successionOf(history).slice(-2).reverse();
    if (!current)
      throw new PermanentError(`${store.locate('model.bin')}: no model is in service; run promote first`);
    if (!before)
      throw new PermanentError(
        `${store.locate('champion-history.jsonl')}: no model was in service before the one as of ${current.as_of}; choose another by promote --as-of YYYY-MM-DD --force`,
      );
    const file = await findModel(before, store);
    await install(file, 'rollback', 'rollback', why ?? '');
    return { file, current };
  });
  const { file, current } = result;
  log.info('rolled back', { from: current.as_of, to: file.model.asOf });
  return {
    status: 'done',
    inputs: [],
    outputs: [championOutput(file, store)],
    columnLineage: {},
    checks: [],
    metrics: { champion_as_of: file.model.asOf, rolled_back_as_of: current.as_of },
  };
}

/** The model of these very bytes, be it one that another of its date has replaced. */
async function findModel({ as_of, sha256 }: Champion, store: Store): Promise<ModelFile> {
  for (const { name } of (await modelFolders(store)).filter(({ asOf }) => asOf === as_of)) {
    const file = await readModel(name, store).catch(() => undefined);
    if (file?.sha256 === sha256) return file;
  }
  throw new PermanentError(
    `${store.locate('models')}: the model as of ${as_of} with the SHA-256 ${sha256} is gone or damaged; choose another by promote --as-of YYYY-MM-DD --force`,
  );
}
