import type { Prediction } from '../../model/model.ts';
import type { InService } from '../champion/service.ts';

/** Rows that may wait; beyond, they are dropped and counted. */
const BOUND = 1_024;

/** Predictions that differ by more than this, as a ratio of 1 + volume, disagree. */
const TOLERANCE = 0.1;

/** What came of the rows that one challenger scored, or was to score. */
export interface Totals {
  rows: number;
  disagreements: number;
  dropped: number;
  /** The sum of |ln((1 + challenger) / (1 + champion))|. */
  distance: number;
}

/** Scores what the champion scored with a challenger, after the answers are out. */
export class Shadow {
  /** By the challenger's version. Those of earlier ones stay, for counters do not fall. */
  readonly totals = new Map<string, Totals>();
  #challenger: InService | undefined;
  #total: Totals = { rows: 0, disagreements: 0, dropped: 0, distance: 0 };
  readonly #waiting = new Float64Array(3 * BOUND);
  #length = 0;

  get challenger(): InService | undefined {
    return this.#challenger;
  }

  set challenger(challenger: InService | undefined) {
    this.#score();
    this.#challenger = challenger;
    if (!challenger) return;
    this.#total = this.totals.get(challenger.version) ?? {
      rows: 0,
      disagreements: 0,
      dropped: 0,
      distance: 0,
    };
    this.totals.set(challenger.version, this.#total);
  }

  /** Queues a row; takes no time to speak of. */
  observe(volMovingAvg: number, adjCloseRollingMed: number, { point }: Prediction): void {
    if (!this.#challenger) return;
    if (this.#length === BOUND) {
      this.#total.dropped++;
      return;
    }
    if (this.#length === 0) setImmediate(() => this.#score());
    const at = 3 * this.#length++;
    this.#waiting[at] = volMovingAvg;
    this.#waiting[at + 1] = adjCloseRollingMed;
    this.#waiting[at + 2] = point;
  }

  #score(): void {
    const challenger = this.#challenger;
    const total = this.#total;
    for (let at = 0; challenger && at < 3 * this.#length; at += 3) {
      const [volMovingAvg, adjCloseRollingMed, champion] = this.#waiting.subarray(at, at + 3) as unknown as [
        number,
        number,
        number,
      ];
      const { point } = challenger.predictor.predict(volMovingAvg, adjCloseRollingMed);
      const distance = Math.abs(Math.log1p(point) - Math.log1p(champion));
      total.rows++;
      total.distance += distance;
      if (distance > Math.log1p(TOLERANCE)) total.disagreements++;
    }
    this.#length = 0;
  }
}
