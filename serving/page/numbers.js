/** How numbers are written, and the two inputs' logarithmic axes. */

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * 1,872
 * @param {number} value
 */
export function whole(value) {
  return WHOLE.format(value);
}

/**
 * 1.87k, 12.3M: three digits that count.
 * @param {number} value
 */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e18) return value.toExponential(1);
  for (const [unit, letter] of /** @type {[number, string][]} */ ([
    [1e15, 'Q'],
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]))
    if (size >= unit * 0.9995) return digits(value / unit) + letter;
  return digits(value);
}

/**
 * 48 µs, 1.2 ms, 3 s
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 0.000_999_5) return `${digits(seconds * 1e6)} µs`;
  return seconds < 0.9995 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

/**
 * At most three digits that count, none of them a trailing zero after the point.
 * @param {number} value
 */
export function digits(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–';
}

/**
 * ln(1 + |x|) with the sign of x, as the model sees its inputs.
 * @param {number} x
 */
export function signedLog(x) {
  return Math.sign(x) * Math.log1p(Math.abs(x));
}

/**
 * The inverse of signedLog.
 * @param {number} x
 */
export function fromLog(x) {
  return Math.sign(x) * Math.expm1(Math.abs(x));
}

/**
 * Powers of ten and their negatives, and 0, whose signedLog lies in a stretch, and not closer to each other than `gap`.
 * @param {[number, number]} stretch in log units
 * @param {number} gap in log units
 */
export function logTicks([low, high], gap) {
  const powers = Array.from({ length: 18 }, (_, power) => 10 ** power);
  const all = [...powers.map((power) => -power).reverse(), 0, ...powers];
  /** @type {number[]} */
  const kept = [];
  for (const value of all) {
    const at = signedLog(value);
    const isFree = kept.every((other) => Math.abs(signedLog(other) - at) >= gap);
    if (at >= low - 1e-9 && at <= high + 1e-9 && isFree) kept.push(value);
  }
  return kept;
}

/**
 * About `count` round values from low to high.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function roundTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
