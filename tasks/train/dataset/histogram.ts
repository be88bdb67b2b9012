/** Values beyond count as these: ln(1 + x) of no price and no volume comes near. */
const FURTHEST = 100;

/** Counts values in hundredths, in whole numbers, so that the order of the values changes nothing. */
export class Histogram {
  readonly #counts = new Float64Array(2 * 100 * FURTHEST + 1);
  #values = 0;

  add(values: Float32Array): void {
    for (const value of values) {
      const bin = Math.round(100 * (Math.min(Math.max(value, -FURTHEST), FURTHEST) + FURTHEST));
      this.#counts[bin] = (this.#counts[bin] as number) + 1;
    }
    this.#values += values.length;
  }

  /** For each of some ascending shares the least hundredth up to which, and on which, that share of the values lies. */
  quantiles(shares: readonly number[]): number[] {
    let bin = 0;
    let upToHere = this.#counts[0] as number;
    return shares.map((share) => {
      while (upToHere < share * this.#values && bin < this.#counts.length - 1)
        upToHere += this.#counts[++bin] as number;
      return (bin - 100 * FURTHEST) / 100;
    });
  }
}
