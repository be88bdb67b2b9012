import type { Context } from '../context.ts';
import { formatCount } from '../lib/table.ts';
import { readChampion } from '../store/champion.ts';
import { type ChampionChange, readHistory, rolledBackAt, successionOf } from '../store/champion-history.ts';
import { type ModelFile, type ModelFolder, modelDates, modelFolders, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import type { Store } from '../store/store.ts';

/** The part of metrics.json that the list shows. */
interface ListedMetrics {
  training_rows?: number;
  model?: { mae?: number; rmsle?: number };
  vol_moving_avg?: { mae?: number };
  coverage?: number;
}

/** The SHA-256 is undefined where the model is damaged. */
type ListedModel = ModelFolder & { sha256: string | undefined };
type TableRow = NonNullable<TaskResult['table']>[number];

const TABLE_HEADER = ['as of', 'rows', 'MAE', 'of vol_moving_avg', 'RMSLE', 'coverage', 'SHA-256', 'state'];

/**
 * Lists the models of the store: their scores, each measured on other days, and whether they are in
 * service, rolled back, replaced or damaged.
 * @throws PermanentError when there are none, or the history of the champions is damaged
 */
export async function listModels({ store, log }: Context): Promise<TaskResult> {
  await modelDates(store);
  const { champion, readError } = await readChampion(store);
  if (readError) log.warn(readError);
  const history = await readHistory(store);
  const models: ListedModel[] = [];
  for (const folder of await modelFolders(store)) {
    const file = await readModel(folder.name, store).catch(() => undefined);
    models.push({ ...folder, sha256: file?.sha256 });
  }
  const damagedChampion = findDamagedChampion(models, champion);
  const table: TableRow[] = [];
  for (const model of models)
    table.push({
      as_of: model.asOf,
      folder: model.name,
      ...(await readScores(model.name, store)),
      ...(model === damagedChampion
        ? { sha256: champion?.sha256 ?? null, state: 'champion, damaged' }
        : { sha256: model.sha256 ?? null, state: stateOf(model, champion?.sha256, history) }),
    });
  return {
    status: 'done',
    inputs: [],
    outputs: [],
    columnLineage: {},
    checks: [],
    metrics: {
      models: table.length,
      champion_as_of: champion?.model.asOf ?? '',
      rollback_to_as_of: successionOf(history).at(-2)?.as_of ?? '',
    },
    table,
    printedTable: [TABLE_HEADER, ...table.map(formatRow)],
  };
}

/**
 * The folder that the champion came from, where it is damaged: the first damaged one of its date.
 */
function findDamagedChampion(
  models: ListedModel[],
  champion: ModelFile | undefined,
): ListedModel | undefined {
  if (!champion || models.some(({ sha256 }) => sha256 === champion.sha256)) return undefined;
  return models.find(({ asOf, sha256 }) => asOf === champion.model.asOf && !sha256);
}

async function readScores(folder: string, store: Store): Promise<TableRow> {
  const metrics = await store.readJson<ListedMetrics>(`models/${folder}/metrics.json`).catch(() => undefined);
  const mae = metrics?.model?.mae;
  const baselineMae = metrics?.vol_moving_avg?.mae;
  return {
    rows: metrics?.training_rows ?? null,
    mae: mae ?? null,
    mae_ratio: mae !== undefined && baselineMae ? mae / baselineMae : null,
    rmsle: metrics?.model?.rmsle ?? null,
    coverage: typeof metrics?.coverage === 'number' ? metrics.coverage : null,
  };
}

function stateOf(
  { sha256, isReplaced }: ListedModel,
  championSha256: string | undefined,
  history: ChampionChange[],
): string {
  if (!sha256) return 'damaged';
  if (sha256 === championSha256) return 'champion';
  if (rolledBackAt(sha256, history)) return 'rolled back';
  return isReplaced ? 'replaced' : '';
}

function formatRow({ as_of, rows, mae, mae_ratio, rmsle, coverage, sha256, state }: TableRow): string[] {
  const fixed = (value: unknown, digits: number) => (typeof value === 'number' ? value.toFixed(digits) : '');
  const count = (value: unknown) => (typeof value === 'number' ? formatCount(value) : '');
  return [
    String(as_of),
    count(rows),
    count(mae),
    fixed(mae_ratio, 3),
    fixed(rmsle, 4),
    fixed(coverage, 3),
    String(sha256 ?? '').slice(0, 12),
    String(state),
  ];
}
