import type { Prediction } from '../../model/model.ts';
import type { InService } from './service.ts';

/** Maximum number of waiting rows. More are dropped and counted. */
const MAX_WAITING = 1_024;

/** Maximum relative difference of 1 + volume of predictions that agree. */
const TOLERANCE = 0.1;

export interface ShadowTotals {
  rows: number;
  disagreements: number;
  dropped: number;
  /** The sum of |ln((1 + challenger) / (1 + champion))|. */
  distance: number;
}

/** Scores the champion's rows with a challenger, too, after the answers were sent. */
export class Shadow {
  /** By the challenger's version. Earlier ones stay, because counters must not fall. */
  readonly totals = new Map<string, ShadowTotals>();
  #challenger: InService | undefined;
  #total: ShadowTotals = { rows: 0, disagreements: 0, dropped: 0, distance: 0 };
  readonly #waiting = new Float64Array(3 * MAX_WAITING);
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

  observe(volMovingAvg: number, adjCloseRollingMed: number, { point }: Prediction): void {
    if (!this.#challenger) return;
    if (this.#length === MAX_WAITING) {
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
