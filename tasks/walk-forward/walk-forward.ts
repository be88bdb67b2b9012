import { score } from '../../model/score.ts';
import type { Context } from '../context.ts';
import { type Database, readSql } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import { CLI, startNode, waitForSuccess } from '../lib/node-process.ts';

import { type FeatureRows, readFeatureRows, scoreWithCoverage, viewFeatures } from '../store/feature-rows.ts';

import { modelDates, readModel } from '../store/models.ts';
import type { TaskResult } from '../store/result.ts';
import { openDataset } from '../store/shards.ts';
import type { Store } from '../store/store.ts';
import {
  drawWalkForward,
  formatWalkForward,
  type MonthScores,
  toResultRow,
  walkForwardTable,
} from './walk-forward-table.ts';

/** The options that training gets, too. */
interface SharedOptions {
  threads: number;
  memoryLimit: string;
  logLevel: string;
}

export interface WalkForwardOptions extends SharedOptions {
  /** The key of the features; the latest, if not given. */
  features?: string | undefined;
  /**
   * YYYY-MM, both inclusive: a model as of the first of each month. All models of the store, if not
   * given.
   */
  from?: string | undefined;
  to?: string | undefined;
}

/**
 * Measures models on the month that begins on their as-of date, beside vol_moving_avg and the best
 * constant multiple of it before that date. Writes walk-forward.md and walk-forward.svg. With
 * `from`, missing models are trained, each in its own process. A model is left out if the features
 * have no row of its month.
 * @throws PermanentError when there are no models or no features, or training ends with exit code 2
 */
export async function walkForward(
  { features: key, from, to = from, ...shared }: WalkForwardOptions,
  context: Context,
): Promise<TaskResult> {
  const { store, database, log } = context;
  if (to && (!from || to < from)) throw new PermanentError(`--to ${to} needs a --from that is not later`);
  const features = await openDataset('features', key, 'features', store);
  const dates = from && to ? firstsOfMonth(from, to) : await modelDates(store);
  if (from) for (const asOf of dates) await train(asOf, features.key, shared, store);
  await viewFeatures(features, database);
  const months: MonthScores[] = [];
  for (const asOf of dates) {
    const rows = await readFeatureRows(asOf, lastDayOfMonthFrom(asOf), database);
    if (rows.volume.length === 0) continue;
    const multiple = await fitBestMultiple(asOf, database);
    months.push(await scoreMonth(asOf, rows, multiple, store));
  }
  if (months.length === 0) log.warn('the features have no row in the month of any model');
  await store.publishText('walk-forward.md', formatWalkForward(months, features.key));
  await store.publishText('walk-forward.svg', drawWalkForward(months));
  const countBetter = (baseline: (month: MonthScores) => number) =>
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
      months_better_than_vol_moving_avg: countBetter(({ volMovingAvg }) => volMovingAvg.mae),
      months_better_than_multiple: countBetter(({ bestMultiple }) => bestMultiple?.mae ?? 0),
    },
    table: months.map(toResultRow),
    printedTable: walkForwardTable(months),
  };
}

/**
 * The multiple of vol_moving_avg with the lowest MAE on the rows before a date; undefined where
 * there are none.
 */
async function fitBestMultiple(asOf: string, database: Database): Promise<number | undefined> {
  await database.setVariable('as_of', asOf);
  const [fitted] = await database.rows<{ multiple: number | null }>(
    await readSql(import.meta.url, 'best-multiple.sql'),
  );
  return fitted?.multiple ?? undefined;
}

async function scoreMonth(
  asOf: string,
  rows: FeatureRows,
  multiple: number | undefined,
  store: Store,
): Promise<MonthScores> {
  const { volume, volMovingAvg } = rows;
  const { model } = await readModel(asOf, store);
  const scoreMultiple = (multiple: number) => ({
    ...score(
      volMovingAvg.map((value) => multiple * value),
      volume,
    ),
    multiple,
  });
  return {
    asOf,
    featuresKey: model.provenance.features_key ?? '',
    model: await scoreWithCoverage(model, rows),
    volMovingAvg: score(volMovingAvg, volume),
    bestMultiple: multiple === undefined ? undefined : scoreMultiple(multiple),
  };
}

/**
 * Trains a model in its own process, which logs why if it fails.
 * @throws PermanentError or Error when it fails
 */
async function train(
  asOf: string,
  featuresKey: string,
  { threads, memoryLimit, logLevel }: SharedOptions,
  store: Store,
): Promise<void> {
  const options = ['--as-of', asOf, '--features', featuresKey];
  const common = ['--store', store.root, '--threads', String(threads)];
  common.push('--memory-limit', memoryLimit, '--log-level', logLevel);
  const child = startNode([CLI, 'train', ...options, ...common], { stdio: ['ignore', 'inherit', 'inherit'] });
  await waitForSuccess(
    child,
    `train ${options.join(' ')} failed; if it asks for --replace, run it with --replace, then run walk-forward again`,
  );
}

/**
 * The last day of the month that begins on this date. A day that the next month lacks counts as its
 * last day.
 */
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
