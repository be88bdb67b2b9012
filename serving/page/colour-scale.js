/** The colour scales of the heat map. page.css has their stops, for light and dark. */

/** @typedef {[number, number, number]} Colour */

/**
 * @param {'ratio' | 'prediction'} measure
 * @returns {Colour[]}
 */
export function readScale(measure) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(`--scale-${measure}`);
  return text
    .trim()
    .split(/\s+/)
    .map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)))
    .map(([red, green, blue]) => [red, green, blue]);
}

/**
 * @param {Colour[]} scale
 * @param {number} fraction of the scale; below 0 and above 1 it is the colour at that end
 * @returns {Colour}
 */
export function colourAt(scale, fraction) {
  const at = Math.min(1, Math.max(0, fraction)) * (scale.length - 1);
  const index = Math.min(scale.length - 2, Math.floor(at));
  const [from, to] = [scale[index], scale[index + 1]];
  const mix = (/** @type {0 | 1 | 2} */ channel) =>
    Math.round(from[channel] + (at - index) * (to[channel] - from[channel]));
  return [mix(0), mix(1), mix(2)];
}
