import { setImmediate } from 'node:timers/promises';
import { signedExp } from '../../model/arithmetic.ts';
import type { Model } from '../../model/model.ts';
import type { InService } from './service.ts';

const COLUMNS = 80;
const ROWS = 54;
const SIGNIFICANT_DIGITS = 4;

/** In log units: logVolume of vol_moving_avg, signedLog of adj_close_rolling_med. */
export type LogRange = [min: number, max: number];

/** A rectangle over the two inputs. */
interface InputRange {
  vol_moving_avg: LogRange;
  adj_close_rolling_med: LogRange;
}

/** A model's predictions on a grid over both inputs, and where its training rows are. */
export interface Surface extends InputRange {
  /** Grid points along vol_moving_avg. */
  columns: number;
  /** Grid points along adj_close_rolling_med. */
  rows: number;
  /** In shares, row by row, by ascending adj_close_rolling_med. The grid is even in log units. */
  prediction: number[];
  /** For each prediction, 1 inside the training domain. */
  in_domain: (0 | 1)[];
  /** The density cells that hold training rows, and the share of all training rows in each. */
  cells: (InputRange & { share: number })[];
}

const surfaces = new WeakMap<InService, Promise<Surface>>();

/** The surface of a model over the cells with training rows. It is computed once for each model. */
export function surfaceOf(current: InService): Promise<Surface> {
  const surface = surfaces.get(current) ?? computeSurface(current);
  surfaces.set(current, surface);
  return surface;
}

async function computeSurface({ model, predictor }: InService): Promise<Surface> {
  const all = densityCells(model);
  const cells = all.filter(
    ({ share, vol_moving_avg, adj_close_rolling_med }) =>
      share > 0 && !isEmpty(vol_moving_avg) && !isEmpty(adj_close_rolling_med),
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
  const [volMovingAvgScale, adjCloseRollingMedScale] = scales;
  const minVolMovingAvg = Math.max(0, volMovingAvgScale.min);
  const columns = rangesBetween(volMovingAvgEdges, minVolMovingAvg, volMovingAvgScale.max);
  const rows = rangesBetween(
    adjCloseRollingMedEdges,
    adjCloseRollingMedScale.min,
    adjCloseRollingMedScale.max,
  );
  return columns.flatMap((vol_moving_avg, i) =>
    rows.map((adj_close_rolling_med, j) => ({
      vol_moving_avg,
      adj_close_rolling_med,
      share: shares[i * rows.length + j] as number,
    })),
  );
}

/** The outer ranges are open. They end where the training rows do, and after one unit at most. */
function rangesBetween(edges: number[], min: number, max: number): LogRange[] {
  const [first = 0, last = 0] = [edges[0], edges.at(-1)];
  const ends = [Math.max(min, first - 1), ...edges, Math.min(max, last + 1)];
  return ends.slice(1).map((end, index) => [ends[index] as number, end]);
}

function isEmpty([min, max]: LogRange): boolean {
  return min >= max;
}

function spanOf(ranges: LogRange[]): LogRange {
  return [Math.min(...ranges.map(([min]) => min)), Math.max(...ranges.map(([, max]) => max))];
}

/** The input in its own unit at this fraction of a range. */
function inputAt([min, max]: LogRange, fraction: number): number {
  return signedExp(min + fraction * (max - min));
}
