const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * 1,872
 * @param {number} value
 */
export function whole(value) {
  return WHOLE.format(value);
}

/**
 * 1.87k, 12.3M: three significant digits.
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
 * At most three significant digits, without trailing zeros.
 * @param {number} value
 */
export function digits(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–';
}
