import type { Prediction } from './model.ts';
import type { InService } from './service.ts';

/** Rows that may wait; beyond, they are dropped and counted. */
const BOUND = 1_024;

/** Predictions that differ by more than this, as a ratio of 1 + volume, disagree. */
const TOLERANCE = 0.1;

/** Scores what the champion scored with a challenger, after the answers are out. */
export class Shadow {
  challenger: InService | undefined;
  rows = 0;
  disagreements = 0;
  dropped = 0;
  /** The sum of |ln((1 + challenger) / (1 + champion))|. */
  distance = 0;
  readonly #waiting = new Float64Array(3 * BOUND);
  #length = 0;

  /** Queues a row; takes no time to speak of. */
  observe(volumeAverage: number, priceMedian: number, { point }: Prediction): void {
    if (!this.challenger) return;
    if (this.#length === BOUND) {
      this.dropped++;
      return;
    }
    if (this.#length === 0) setImmediate(() => this.#score());
    const at = 3 * this.#length++;
    this.#waiting[at] = volumeAverage;
    this.#waiting[at + 1] = priceMedian;
    this.#waiting[at + 2] = point;
  }

  #score(): void {
    const { challenger } = this;
    for (let at = 0; challenger && at < 3 * this.#length; at += 3) {
      const [average, median, champion] = this.#waiting.subarray(at, at + 3) as unknown as [
        number,
        number,
        number,
      ];
      const { point } = challenger.predictor.predict(average, median);
      const distance = Math.abs(Math.log1p(point) - Math.log1p(champion));
      this.rows++;
      this.distance += distance;
      if (distance > Math.log1p(TOLERANCE)) this.disagreements++;
    }
    this.#length = 0;
  }
}
