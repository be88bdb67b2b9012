import { setImmediate } from 'node:timers/promises';
import { signedExp } from '../../model/arithmetic.ts';
import type { InService } from '../champion/service.ts';

/** So many points along vol_moving_avg and along adj_close_rolling_med. */
const [COLUMNS, ROWS] = [80, 54];

/** A stretch of an axis in log units, both ends included. */
export type Stretch = [low: number, high: number];

/** What a model answers over both inputs, and where its training rows lie; axes are in log units. */
export interface Surface {
  /** Of logVolume of vol_moving_avg. */
  volMovingAvg: Stretch;
  /** Of signedLog of adj_close_rolling_med. */
  adjCloseRollingMed: Stretch;
  columns: number;
  rows: number;
  /** Predictions in shares, evenly spaced in log units, row by row from the lowest median on. */
  prediction: number[];
  /** For each prediction, 1 where training saw rows like these. */
  in_domain: (0 | 1)[];
  /** Cells that hold training rows, and their shares of them. */
  cells: { volMovingAvg: Stretch; adjCloseRollingMed: Stretch; share: number }[];
}

const made = new WeakMap<InService, Promise<Surface>>();

/** The surface of a model over where its training rows lie. It is made once, and other requests are answered meanwhile. */
export function surfaceOf(current: InService): Promise<Surface> {
  const known = made.get(current);
  if (known) return known;
  const surface = makeSurface(current);
  made.set(current, surface);
  return surface;
}

async function makeSurface({ model, predictor }: InService): Promise<Surface> {
  const { volMovingAvgEdges, adjCloseRollingMedEdges, shares } = model.density;
  const volMovingAvgs = stretches(volMovingAvgEdges, {
    ...model.scales[0],
    min: Math.max(0, model.scales[0].min),
  });
  const adjCloseRollingMeds = stretches(adjCloseRollingMedEdges, model.scales[1]);
  const cells = volMovingAvgs
    .flatMap((volMovingAvg, i) =>
      adjCloseRollingMeds.map((adjCloseRollingMed, j) => ({
        volMovingAvg,
        adjCloseRollingMed,
        share: shares[i * adjCloseRollingMeds.length + j] as number,
      })),
    )
    .filter(
      ({ volMovingAvg, adjCloseRollingMed, share }) =>
        share > 0 && volMovingAvg[0] < volMovingAvg[1] && adjCloseRollingMed[0] < adjCloseRollingMed[1],
    );
  const seen = cells.filter((cell) =>
    predictor.isInDomain(middle(cell.volMovingAvg), middle(cell.adjCloseRollingMed)),
  );
  const volMovingAvg = hull(seen.length > 0 ? seen.map((cell) => cell.volMovingAvg) : volMovingAvgs);
  const adjCloseRollingMed = hull(
    seen.length > 0 ? seen.map((cell) => cell.adjCloseRollingMed) : adjCloseRollingMeds,
  );

  const prediction: number[] = [];
  const in_domain: (0 | 1)[] = [];
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const inputs = [
        at(volMovingAvg, column / (COLUMNS - 1)),
        at(adjCloseRollingMed, row / (ROWS - 1)),
      ] as const;
      prediction.push(Number(predictor.predict(...inputs).point.toPrecision(4)));
      in_domain.push(predictor.isInDomain(...inputs) ? 1 : 0);
    }
    await setImmediate();
  }
  return { volMovingAvg, adjCloseRollingMed, columns: COLUMNS, rows: ROWS, prediction, in_domain, cells };
}

/** The cells along an axis. The outer ones have no end: they reach as far as training did, and a unit at most. */
function stretches(edges: number[], { min, max }: { min: number; max: number }): Stretch[] {
  const [first = 0, last = 0] = [edges[0], edges.at(-1)];
  const ends = [Math.max(min, first - 1), ...edges, Math.min(max, last + 1)];
  return ends.slice(1).map((end, index) => [ends[index] as number, end]);
}

function hull(all: Stretch[]): Stretch {
  return [Math.min(...all.map(([low]) => low)), Math.max(...all.map(([, high]) => high))];
}

/** The input, in its own units, at this part of a stretch. */
function at([low, high]: Stretch, part: number): number {
  return signedExp(low + part * (high - low));
}

function middle(stretch: Stretch): number {
  return at(stretch, 0.5);
}
