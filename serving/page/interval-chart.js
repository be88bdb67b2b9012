import { svg } from './dom.js';
import { short } from './number-format.js';
import { signedLog } from './ticks.js';

/**
 * A bar from p10 to p90 on a logarithmic scale, with the prediction, p50 and vol_moving_avg.
 * @param {{ prediction: number, p10: number, p50: number, p90: number,
 *   volMovingAvg: number }} values
 * @param {number} width
 */
export function drawInterval({ prediction, p10, p50, p90, volMovingAvg }, width) {
  const [height, middle] = [64, 30];
  const logs = [prediction, p10, p50, p90, volMovingAvg].map(signedLog);
  const [min, max] = [Math.min(...logs), Math.max(...logs)];
  const x = (/** @type {number} */ value) =>
    40 + ((signedLog(value) - min) / (max - min || 1)) * (width - 80);
  const label = (/** @type {number} */ value, /** @type {string} */ anchor) =>
    svg('text', { x: x(value), y: middle + 27, 'text-anchor': anchor }, short(value));
  const isNarrow = x(p90) - x(p10) < 80;
  return svg(
    'svg',
    {
      ...{ width, height, role: 'img' },
      'aria-label': `On a logarithmic scale: p10 ${short(p10)}, p50 ${short(p50)}, prediction ${short(prediction)}, p90 ${short(p90)}, vol_moving_avg ${short(volMovingAvg)}`,
    },
    svg('line', { class: 'base', x1: 0, x2: width, y1: middle, y2: middle }),
    svg('rect', {
      ...{ class: 'band', x: x(p10), y: middle - 7, height: 14, rx: 3 },
      width: Math.max(2, x(p90) - x(p10)),
    }),
    svg('line', { class: 'p50', x1: x(p50), x2: x(p50), y1: middle - 7, y2: middle + 7 }),
    svg('path', { class: 'feature', d: `M${x(volMovingAvg)} ${middle - 8}l-6 -10h12z` }),
    svg('circle', { class: 'point', cx: x(prediction), cy: middle, r: 6.5 }),
    label(p10, isNarrow ? 'end' : 'middle'),
    // Where there is room between the other two.
    ...(Math.min(x(p50) - x(p10), x(p90) - x(p50)) > 50 ? [label(p50, 'middle')] : []),
    label(p90, isNarrow ? 'start' : 'middle'),
  );
}
