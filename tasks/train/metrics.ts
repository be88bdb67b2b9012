import type { Model } from '../../serving/model.ts';
import { coverage, type Predictions, predictAll, type Score, score } from '../score.ts';
import { type Block, selectRows } from './dataset.ts';

/** What metrics.json holds. */
export interface Metrics extends Measured {
  key: string;
  as_of: string;
  /** Training < validation_from <= calibration < measure_from <= measuring < as_of. */
  validation_from: string;
  measure_from: string;
  training_rows: number;
  /** Of calibration and measuring together. */
  validation_rows: number;
  /** How much of the response was flattened to make it monotone: 0 for nothing, 1 for all. */
  flattened: number;
  seed: number;
  half_life: number;
  median_from: number;
  features_key: string;
}

/** Scores on rows later than all that trained or calibrated the model. */
export interface Measured {
  /** The model in service, and vol_moving_avg itself as a prediction. */
  model: Score;
  vol_moving_avg: Score;
  /** The median as a prediction, where it differs from the point. */
  p50: Score;
  /** The same two with the features of the row before: vol_moving_avg contains the same day's Volume, and this does not. */
  lag_1: { model: Score; vol_moving_avg: Score };
  /** The share of volumes between p10 and p90; 0.8 is meant. */
  coverage: number;
  by_year: Part[];
  /** By tenths of the rows, from the smallest vol_moving_avg to the largest. */
  by_decile: Part[];
}

/** A part of the rows, scored. */
export interface Part {
  part: string;
  rows: number;
  mae: number;
  mae_vol_moving_avg: number;
  coverage: number;
}

/** Scores the model as it will be served: by its file's bytes and the server's arithmetic, the point rounded. */
export async function measure(model: Model, block: Block): Promise<Measured> {
  const { volume, average, median, laggedAverage, laggedMedian, year } = block;
  const now = await predictAll(model, average, median);
  const lagged = await predictAll(model, laggedAverage, laggedMedian);
  const edges = decileEdges(average);
  return {
    model: score(now.point, volume),
    vol_moving_avg: score(average, volume),
    p50: score(now.p50.map(Math.round), volume),
    lag_1: { model: score(lagged.point, volume), vol_moving_avg: score(laggedAverage, volume) },
    coverage: coverage(now.p10, now.p90, volume),
    by_year: [...new Set(year)]
      .sort()
      .map((wanted) => scorePart(String(wanted), block, now, (row) => year[row] === wanted)),
    by_decile: edges.slice(0, -1).map((from, index) => {
      const to = edges[index + 1] as number;
      return scorePart(`${from} to ${to}`, block, now, (row) => {
        const value = average[row] as number;
        return value >= from && (value < to || index === edges.length - 2);
      });
    }),
  };
}

/** The bounds of ten parts of as many values each; fewer parts where values repeat. */
function decileEdges(values: Float64Array): number[] {
  const sorted = values.slice().sort();
  const edges = Array.from({ length: 11 }, (_, index) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * index) / 10))] as number),
  );
  return [...new Set([0, ...edges.slice(1)])];
}

function scorePart(
  part: string,
  block: Block,
  { point, p10, p90 }: Predictions,
  isWanted: (row: number) => boolean,
): Part {
  const { volume, average } = selectRows(block, isWanted);
  const keep = (_: number, row: number) => isWanted(row);
  return {
    part,
    rows: volume.length,
    mae: score(point.filter(keep), volume).mae,
    mae_vol_moving_avg: score(average, volume).mae,
    coverage: coverage(p10.filter(keep), p90.filter(keep), volume),
  };
}
