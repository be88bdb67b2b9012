import { column, readTable } from '../arrow.ts';
import type { Context } from '../context.ts';
import { parquet, readSql } from '../duckdb.ts';
import { modelDates, readModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import { predictAll, score } from '../score.ts';
import { openDataset } from '../shards.ts';
import { formatCount, formatTable } from '../table.ts';

export interface WalkForwardOptions {
  /** The key of the features; those that were made last, if not given. */
  features?: string | undefined;
}

/**
 * Prints how each model of the store did in the month that began on its as-of date, of which it knew nothing, beside
 * vol_moving_avg itself. A model whose month the features do not reach yet is left out.
 * @throws InputError when there are no models, or no features
 */
export async function walkForward({ features: key }: WalkForwardOptions, context: Context): Promise<Outcome> {
  const { store, database, log } = context;
  const features = await openDataset('features', key, 'features', store);
  const dates = await modelDates(store);
  await database.createView(
    'features',
    `SELECT * FROM ${parquet(...features.shards.map(({ path }) => path))}`,
  );
  const sql = await readSql(import.meta.url, 'month.sql');
  const table: string[][] = [];
  let better = 0;
  for (const asOf of dates) {
    await database.setVariable('as_of', asOf);
    const month = await readTable(sql, database);
    if (month.numRows === 0) continue;
    const volume = column<Float64Array>(month, 'volume');
    const average = column<Float64Array>(month, 'vol_moving_avg');
    const { model } = await readModel(asOf, store);
    const { point } = await predictAll(model, average, column(month, 'adj_close_rolling_med'));
    const ours = score(point, volume);
    const theirs = score(average, volume);
    if (ours.mae < theirs.mae) better++;
    table.push([
      asOf,
      formatCount(ours.rows),
      formatCount(ours.mae),
      formatCount(theirs.mae),
      (ours.mae / theirs.mae).toFixed(3),
      ours.rmsle.toFixed(3),
      theirs.rmsle.toFixed(3),
    ]);
  }
  if (table.length === 0) log.warn('no row lies in the month after any model');
  const head = [
    'as of',
    'rows',
    'MAE model',
    'MAE vol_moving_avg',
    'ratio',
    'RMSLE model',
    'RMSLE vol_moving_avg',
  ];
  process.stdout.write(`${formatTable([head, ...table])}\n`);
  return {
    status: 'done',
    inputs: [
      { name: 'features', uri: features.uri, key: features.key, rows: features.rows, bytes: features.bytes },
    ],
    outputs: [],
    columnLineage: {},
    checks: [],
    metrics: { months: table.length, months_better_than_vol_moving_avg: better },
  };
}
