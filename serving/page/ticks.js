/** Ticks for linear and for logarithmic axes. */

/**
 * ln(1 + |x|) with the sign of x: how the model sees its inputs.
 * @param {number} x
 */
export function signedLog(x) {
  return Math.sign(x) * Math.log1p(Math.abs(x));
}

/**
 * The inverse of signedLog.
 * @param {number} x
 */
export function signedExp(x) {
  return Math.sign(x) * Math.expm1(Math.abs(x));
}

/**
 * Powers of ten, their negatives and 0, where their signedLog is in a range.
 * No two are closer than `gap`.
 * @param {[number, number]} range in log units
 * @param {number} gap in log units
 */
export function logTicks([min, max], gap) {
  const powers = Array.from({ length: 18 }, (_, power) => 10 ** power);
  const all = [...powers.map((power) => -power).reverse(), 0, ...powers];
  /** @type {number[]} */
  const kept = [];
  for (const value of all) {
    const at = signedLog(value);
    const isFree = kept.every((other) => Math.abs(signedLog(other) - at) >= gap);
    if (at >= min - 1e-9 && at <= max + 1e-9 && isFree) kept.push(value);
  }
  return kept;
}

/**
 * About `count` round values from min to max.
 * @param {number} min
 * @param {number} max
 * @param {number} count
 */
export function roundTicks(min, max, count) {
  const rough = (max - min) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
