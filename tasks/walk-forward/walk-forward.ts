import { column, readTable } from '../arrow.ts';
import type { Context } from '../context.ts';
import { parquet, readSql } from '../duckdb.ts';
import { InputError } from '../errors.ts';
import { modelDates, readModel } from '../models.ts';
import { CLI, startNode, succeed } from '../node-process.ts';
import type { Outcome } from '../result.ts';
import { coverage, predictAll, score } from '../score.ts';
import { openDataset } from '../shards.ts';
import { formatTable } from '../table.ts';
import { cells, drawWalkForward, formatWalkForward, HEAD, type Month } from './report.ts';

export interface WalkForwardOptions {
  /** The key of the features; those that were made last, if not given. */
  features?: string | undefined;
  /** YYYY-MM, both included: a model as of each first of month. All models that there are, if not given. */
  from?: string | undefined;
  to?: string | undefined;
}

/**
 * Prints how models did in the month that began on their as-of date, of which they knew nothing, beside vol_moving_avg
 * itself and the best constant multiple of it before that date; as walk-forward.md and walk-forward.svg, too. With
 * `from`, models that are missing are trained, each in a process of its own. A model whose month the features do not
 * reach yet is left out.
 * @throws InputError when there are no models, no features, or training refuses
 */
export async function walkForward(
  { features: key, from, to = from }: WalkForwardOptions,
  context: Context,
): Promise<Outcome> {
  const { store, database, log } = context;
  if (to && (!from || to < from)) throw new InputError(`--to ${to}: give a --from that is no later`);
  const features = await openDataset('features', key, 'features', store);
  const dates = from && to ? firstsOfMonth(from, to) : await modelDates(store);
  if (from)
    for (const asOf of dates) {
      const options = ['--as-of', asOf, '--features', features.key, '--store', store.root];
      const training = startNode([CLI, 'train', ...options], { stdio: ['ignore', 'inherit', 'inherit'] });
      await succeed(training, `train --as-of ${asOf} failed`);
    }
  await database.createView(
    'features',
    `SELECT * FROM ${parquet(...features.shards.map(({ path }) => path))}`,
  );
  const sql = {
    month: await readSql(import.meta.url, 'month.sql'),
    multiple: await readSql(import.meta.url, 'multiple.sql'),
  };
  const months: Month[] = [];
  for (const asOf of dates) {
    await database.setVariable('as_of', asOf);
    const rows = await readTable(sql.month, database);
    if (rows.numRows === 0) continue;
    const volume = column<Float64Array>(rows, 'volume');
    const average = column<Float64Array>(rows, 'vol_moving_avg');
    const { model } = await readModel(asOf, store);
    const { point, p10, p90 } = await predictAll(model, average, column(rows, 'adj_close_rolling_med'));
    const [fitted] = await database.rows<{ multiple: number | null }>(sql.multiple);
    const factor = fitted?.multiple ?? undefined;
    months.push({
      asOf,
      model: { ...score(point, volume), coverage: coverage(p10, p90, volume) },
      average: score(average, volume),
      multiple:
        factor === undefined
          ? undefined
          : {
              ...score(
                average.map((value) => factor * value),
                volume,
              ),
              factor,
            },
    });
  }
  if (months.length === 0) log.warn('no row lies in the month after any model');
  process.stdout.write(`${formatTable([HEAD, ...months.map(cells)])}\n`);
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
      months_better_than_vol_moving_avg: better(({ average }) => average.mae),
      months_better_than_multiple: better(({ multiple }) => multiple?.mae ?? 0),
    },
  };
}

/** YYYY-MM-01 of each month from the first to the last. */
function firstsOfMonth(from: string, to: string): string[] {
  const dates: string[] = [];
  const day = new Date(`${from}-01T00:00:00Z`);
  for (; day.toISOString().slice(0, 7) <= to; day.setUTCMonth(day.getUTCMonth() + 1))
    dates.push(day.toISOString().slice(0, 10));
  return dates;
}
