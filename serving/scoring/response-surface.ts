import { setImmediate } from 'node:timers/promises';
import { signedExp } from '../../model/arithmetic.ts';
import type { Model } from '../../model/model.ts';
import type { InService } from '../champion/service.ts';

const COLUMNS = 80;
const ROWS = 54;
const SIGNIFICANT_DIGITS = 4;

/** Both ends included, in log units: logVolume of vol_moving_avg, signedLog of adj_close_rolling_med. */
export type LogRange = [min: number, max: number];

/** A rectangle over the two inputs. */
interface InputRange {
  vol_moving_avg: LogRange;
  adj_close_rolling_med: LogRange;
}

/** A model's predictions on a grid over both inputs, and where its training rows are. It is sent as JSON. */
export interface Surface extends InputRange {
  /** Grid points along vol_moving_avg. */
  columns: number;
  /** Grid points along adj_close_rolling_med. */
  rows: number;
  /** In shares. The grid is even in log units; rows are in ascending order of adj_close_rolling_med. */
  prediction: number[];
  /** For each prediction, 1 inside the training domain. */
  in_domain: (0 | 1)[];
  /** The density cells that hold training rows, and the share of all training rows in each. */
  cells: (InputRange & { share: number })[];
}

const surfaces = new WeakMap<InService, Promise<Surface>>();

/** The surface of the model in service, over the cells with training rows. Computed once for each model. */
export function surfaceOf(current: InService): Promise<Surface> {
  const surface = surfaces.get(current) ?? computeSurface(current);
  surfaces.set(current, surface);
  return surface;
}

async function computeSurface({ model, predictor }: InService): Promise<Surface> {
  const all = densityCells(model);
  const cells = all.filter(
    ({ share, vol_moving_avg: [minAvg, maxAvg], adj_close_rolling_med: [minMed, maxMed] }) =>
      share > 0 && minAvg < maxAvg && minMed < maxMed,
  );
  const inDomain = cells.filter((cell) =>
    predictor.isInDomain(inputAt(cell.vol_moving_avg, 0.5), inputAt(cell.adj_close_rolling_med, 0.5)),
  );
  const shown = inDomain.length > 0 ? inDomain : all;
  const vol_moving_avg = spanOf(shown.map((cell) => cell.vol_moving_avg));
  const adj_close_rolling_med = spanOf(shown.map((cell) => cell.adj_close_rolling_med));

  const prediction: number[] = [];
  const in_domain: (0 | 1)[] = [];
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const volMovingAvg = inputAt(vol_moving_avg, column / (COLUMNS - 1));
      const adjCloseRollingMed = inputAt(adj_close_rolling_med, row / (ROWS - 1));
      const { point } = predictor.predict(volMovingAvg, adjCloseRollingMed);
      prediction.push(Number(point.toPrecision(SIGNIFICANT_DIGITS)));
      in_domain.push(predictor.isInDomain(volMovingAvg, adjCloseRollingMed) ? 1 : 0);
    }
    // Other requests get their turn.
    await setImmediate();
  }
  return {
    vol_moving_avg,
    adj_close_rolling_med,
    columns: COLUMNS,
    rows: ROWS,
    prediction,
    in_domain,
    cells,
  };
}

function densityCells({ density, scales }: Model): Surface['cells'] {
  const { volMovingAvgEdges, adjCloseRollingMedEdges, shares } = density;
  const [avgScale, medScale] = scales;
  const avgRanges = rangesBetween(volMovingAvgEdges, Math.max(0, avgScale.min), avgScale.max);
  const medRanges = rangesBetween(adjCloseRollingMedEdges, medScale.min, medScale.max);
  return avgRanges.flatMap((vol_moving_avg, i) =>
    medRanges.map((adj_close_rolling_med, j) => ({
      vol_moving_avg,
      adj_close_rolling_med,
      share: shares[i * medRanges.length + j] as number,
    })),
  );
}

/** The outer ranges are open: they end at the training rows' min and max, and are at most one unit wide. */
function rangesBetween(edges: number[], min: number, max: number): LogRange[] {
  const [first = 0, last = 0] = [edges[0], edges.at(-1)];
  const ends = [Math.max(min, first - 1), ...edges, Math.min(max, last + 1)];
  return ends.slice(1).map((end, index) => [ends[index] as number, end]);
}

function spanOf(ranges: LogRange[]): LogRange {
  return [Math.min(...ranges.map(([min]) => min)), Math.max(...ranges.map(([, max]) => max))];
}

/** The input in its own unit at this fraction of a range. */
function inputAt([min, max]: LogRange, fraction: number): number {
  return signedExp(min + fraction * (max - min));
}
