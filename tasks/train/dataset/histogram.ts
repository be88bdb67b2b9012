/** Values are limited to ±100: no ln(1 + x) of a price or a volume comes near it. */
const MAX_MAGNITUDE = 100;

/** Counts values in bins of a hundredth. Their order does not matter, since counts are whole. */
export class Histogram {
  readonly #counts = new Float64Array(2 * 100 * MAX_MAGNITUDE + 1);
  #values = 0;

  add(values: Float32Array): void {
    for (const value of values) {
      const limited = Math.min(Math.max(value, -MAX_MAGNITUDE), MAX_MAGNITUDE);
      const bin = Math.round(100 * (limited + MAX_MAGNITUDE));
      this.#counts[bin] = (this.#counts[bin] as number) + 1;
    }
    this.#values += values.length;
  }

  /** The smallest hundredth at or below which each of these ascending shares of the values is. */
  quantiles(shares: readonly number[]): number[] {
    let bin = 0;
    let cumulative = this.#counts[0] as number;
    return shares.map((share) => {
      while (cumulative < share * this.#values && bin < this.#counts.length - 1)
        cumulative += this.#counts[++bin] as number;
      return (bin - 100 * MAX_MAGNITUDE) / 100;
    });
  }
}
