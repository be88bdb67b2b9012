import { score } from '../../model/score.ts';
import type { Context } from '../context.ts';
import { readSql } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import { CLI, startNode, waitForSuccess } from '../lib/node-process.ts';
import { evaluate, readFeatureRows, throwReadError, viewFeatures } from '../store/feature-rows.ts';
import { modelDates, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { openDataset } from '../store/shards.ts';
import type { Store } from '../store/store.ts';
import { cells, drawWalkForward, formatWalkForward, HEAD, type Month, record } from './walk-forward-table.ts';

export interface WalkForwardOptions {
  /** The key of the features; those that were made last, if not given. */
  features?: string | undefined;
  /** YYYY-MM, both included: a model as of each first of month. All models that there are, if not given. */
  from?: string | undefined;
  to?: string | undefined;
  /** For training, as they are for this task. */
  threads: number;
  memoryLimit: string;
  logLevel: string;
}

/**
 * Tells how models did in the month that began on their as-of date, of which training knew nothing, beside vol_moving_avg
 * itself and the best constant multiple of it before that date; as walk-forward.md and walk-forward.svg, too. With
 * `from`, models that are missing are trained, each in a process of its own. A model whose month the features do not
 * reach yet is left out.
 * @throws PermanentError when there are no models, no features, or training refuses
 */
export async function walkForward(
  { features: key, from, to = from, ...switches }: WalkForwardOptions,
  context: Context,
): Promise<TaskResult> {
  const { store, database, log } = context;
  if (to && (!from || to < from)) throw new PermanentError(`--to ${to} needs a --from that is not later`);
  const features = await openDataset('features', key, 'features', store);
  const dates = from && to ? firstsOfMonth(from, to) : await modelDates(store);
  if (from) for (const asOf of dates) await train(asOf, features.key, switches, store);
  await viewFeatures(features, database);
  const multiple = await readSql(import.meta.url, 'best-multiple.sql');
  const months: Month[] = [];
  for (const asOf of dates) {
    const rows = await readFeatureRows(features, asOf, lastDayOfMonthFrom(asOf), database);
    const { volume, volMovingAvg } = rows;
    if (volume.length === 0) continue;
    const { model } = await readModel(asOf, store);
    await database.setVariable('as_of', asOf);
    const [fitted] = await database
      .rows<{ multiple: number | null }>(multiple)
      .catch(throwReadError(features));
    const factor = fitted?.multiple ?? undefined;
    months.push({
      asOf,
      featuresKey: model.provenance.features_key ?? '',
      model: await evaluate(model, rows),
      volMovingAvg: score(volMovingAvg, volume),
      multiple:
        factor === undefined
          ? undefined
          : {
              ...score(
                volMovingAvg.map((value) => factor * value),
                volume,
              ),
              factor,
            },
    });
  }
  if (months.length === 0) log.warn('no row lies in the month after any model');
  await store.publishText('walk-forward.md', formatWalkForward(months, features.key));
  await store.publishText('walk-forward.svg', drawWalkForward(months));
  const better = (baseline: (month: Month) => number) =>
    months.filter((month) => month.model.mae < baseline(month)).length;
  return {
    status: 'done',
    inputs: [
      { name: 'features', uri: features.uri, key: features.key, rows: features.rows, bytes: features.bytes },
    ],
    outputs: [],
    columnLineage: {},
    checks: [],
    metrics: {
      months: months.length,
      months_better_than_vol_moving_avg: better(({ volMovingAvg }) => volMovingAvg.mae),
      months_better_than_multiple: better(({ multiple }) => multiple?.mae ?? 0),
    },
    table: months.map(record),
    printedTable: [HEAD, ...months.map(cells)],
  };
}

/** Trains a model in a process of its own. @throws PermanentError or Error when that fails; it has said why */
async function train(
  asOf: string,
  featuresKey: string,
  { threads, memoryLimit, logLevel }: Pick<WalkForwardOptions, 'threads' | 'memoryLimit' | 'logLevel'>,
  store: Store,
): Promise<void> {
  const options = ['--as-of', asOf, '--features', featuresKey];
  const common = ['--store', store.root, '--threads', String(threads)];
  common.push('--memory-limit', memoryLimit, '--log-level', logLevel);
  const child = startNode([CLI, 'train', ...options, ...common], { stdio: ['ignore', 'inherit', 'inherit'] });
  await waitForSuccess(
    child,
    `train ${options.join(' ')} failed; where it asks for --replace, run that yourself, then walk-forward again`,
  );
}

/** The day before the same day of the next month, or before that month's last where it is shorter. */
function lastDayOfMonthFrom(asOf: string): string {
  const [year = 0, month = 0, day = 0] = asOf.split('-').map(Number);
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month, Math.min(day, length) - 1)).toISOString().slice(0, 10);
}

/** YYYY-MM-01 of each month from the first to the last. */
function firstsOfMonth(from: string, to: string): string[] {
  const dates: string[] = [];
  const day = new Date(`${from}-01T00:00:00Z`);
  for (; day.toISOString().slice(0, 7) <= to; day.setUTCMonth(day.getUTCMonth() + 1))
    dates.push(day.toISOString().slice(0, 10));
  return dates;
}
