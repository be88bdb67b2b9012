/** The colours of the heat map: quantiles of what it shows. */

/** Matplotlib's viridis: its steps look even, also to colour-blind readers and in grey. */
const VIRIDIS = ['#440154', '#443983', '#31688e', '#21918c', '#35b779', '#90d743', '#fde725'];

/**
 * @typedef {object} ColourScale
 * @property {number[]} edges ascending: one more than there are colours
 * @property {string[]} colours
 * @property {(value: number) => string} colourOf
 */

/**
 * A colour for each part of the values between two quantiles. The edges have two significant
 * digits, so that a legend shows them as they are, and no difference below that gets a colour.
 * @param {number[]} values at least one
 * @returns {ColourScale}
 */
export function makeColourScale(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const quantiles = VIRIDIS.map(
    (_, index) => sorted[Math.round((index / VIRIDIS.length) * (sorted.length - 1))],
  );
  const all = [...quantiles, sorted[sorted.length - 1]].map((value) => Number(value.toPrecision(2)));
  const distinct = [...new Set(all)];
  const edges = distinct.length > 1 ? distinct : [all[0], all[0]];
  const count = edges.length - 1;
  const colours = edges
    .slice(1)
    .map((_, index) => VIRIDIS[Math.round((count > 1 ? index / (count - 1) : 0.5) * (VIRIDIS.length - 1))]);
  const inner = edges.slice(1, -1);
  return { edges, colours, colourOf: (value) => colours[inner.filter((edge) => edge <= value).length] };
}
