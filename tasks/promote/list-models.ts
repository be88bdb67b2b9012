import type { Context } from '../context.ts';
import { formatCount } from '../lib/table.ts';
import { readChampion } from '../store/champion.ts';
import { type Change, readHistory, rolledBackAt, successionOf } from '../store/champion-history.ts';
import { type ModelFolder, modelDates, modelFolders, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';

/** What the list needs of a metrics.json. */
interface Scores {
  training_rows?: number;
  model?: { mae?: number; rmsle?: number };
  vol_moving_avg?: { mae?: number };
  coverage?: number;
}

const HEAD = ['as of', 'rows', 'MAE', 'of vol_moving_avg', 'RMSLE', 'coverage', 'SHA-256', 'state'];

/**
 * Lists the models of the store with their own scores, which are of different days, which of them is in service, and which
 * were rolled back.
 * @throws PermanentError when there are none, or the history of champions is damaged
 */
export async function listModels({ store, log }: Context): Promise<TaskResult> {
  await modelDates(store);
  const { champion, fault } = await readChampion(store);
  if (fault) log.warn(fault);
  const history = await readHistory(store);
  const table: NonNullable<TaskResult['table']> = [];
  const models: (ModelFolder & { sha256: string | undefined })[] = [];
  for (const folder of await modelFolders(store)) {
    const file = await readModel(folder.name, store).catch(() => undefined);
    models.push({ ...folder, sha256: file?.sha256 });
  }
  // Whose folder is damaged: the first of its date that is.
  const damagedChampion =
    champion && !models.some(({ sha256 }) => sha256 === champion.sha256)
      ? models.find(({ asOf, sha256 }) => asOf === champion.model.asOf && !sha256)
      : undefined;
  for (const model of models) {
    const { name, asOf, isReplaced, sha256 } = model;
    const scores = await store.readJson<Scores>(`models/${name}/metrics.json`).catch(() => undefined);
    const mae = scores?.model?.mae;
    const theirs = scores?.vol_moving_avg?.mae;
    table.push({
      as_of: asOf,
      folder: name,
      rows: scores?.training_rows ?? null,
      mae: mae ?? null,
      mae_ratio: mae !== undefined && theirs ? mae / theirs : null,
      rmsle: scores?.model?.rmsle ?? null,
      coverage: typeof scores?.coverage === 'number' ? scores.coverage : null,
      sha256: (model === damagedChampion ? champion?.sha256 : sha256) ?? null,
      state:
        model === damagedChampion
          ? 'champion, damaged'
          : stateOf(sha256, isReplaced, champion?.sha256, history),
    });
  }
  const before = successionOf(history).at(-2);
  const fixed = (value: unknown, digits: number) => (typeof value === 'number' ? value.toFixed(digits) : '');
  const count = (value: unknown) => (typeof value === 'number' ? formatCount(value) : '');
  const lines = table.map(({ as_of, rows, mae, mae_ratio, rmsle, coverage, sha256, state }) => [
    String(as_of),
    count(rows),
    count(mae),
    fixed(mae_ratio, 3),
    fixed(rmsle, 4),
    fixed(coverage, 3),
    String(sha256 ?? '').slice(0, 12),
    String(state),
  ]);
  return {
    status: 'done',
    inputs: [],
    outputs: [],
    columnLineage: {},
    checks: [],
    metrics: {
      models: table.length,
      champion_as_of: champion?.model.asOf ?? '',
      rollback_to_as_of: before?.as_of ?? '',
    },
    table,
    printedTable: [HEAD, ...lines],
  };
}

/** A damaged model has no SHA-256. */
function stateOf(
  sha256: string | undefined,
  isReplaced: boolean,
  champion: string | undefined,
  history: Change[],
): string {
  if (!sha256) return 'damaged';
  if (sha256 === champion) return 'champion';
  if (rolledBackAt(sha256, history)) return 'rolled back';
  return isReplaced ? 'replaced' : '';
}
