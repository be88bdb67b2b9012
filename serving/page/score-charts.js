/** How good the model is on its measuring rows, by decile of vol_moving_avg. */

import { byId, drawToFit, emptyNote, html, table } from './dom.js';
import { drawLineChart } from './line-chart.js';
import { digits, short, whole } from './number-format.js';
import { logTicks, signedLog } from './ticks.js';

/** @typedef {NonNullable<import('../champion/model-report.ts').Scores>} Scores */
/** @typedef {Scores['all']} Group */
/** @typedef {{ part: string, mean_volume: number, mean_prediction: number }} Means */

/** @type {{ name: string, style: string, target: number, key: 'below_p10' | 'below_p50' | 'below_p90' }[]} */
const QUANTILES = [
  { name: 'p10', style: 'third', target: 0.1, key: 'below_p10' },
  { name: 'p50', style: 'first', target: 0.5, key: 'below_p50' },
  { name: 'p90', style: 'second', target: 0.9, key: 'below_p90' },
];

/**
 * @param {string | null} version
 * @param {Scores | null} scores
 */
export function showScores(version, scores) {
  showCalibration(version, scores);
  showMeans(version, scores);
}

/**
 * @param {string | null} version
 * @param {Scores | null} scores
 */
function showCalibration(version, scores) {
  const panel = byId('calibration');
  if (!scores) return panel.replaceChildren(noScores(version));
  const { all, by_decile } = scores;
  const chart = html('div', { class: 'chart' });
  panel.replaceChildren(
    html(
      'ul',
      { class: 'keys' },
      ...QUANTILES.map(({ name, style, key }) =>
        html('li', { class: `key line-key ${style}` }, `below ${name}: ${percent(all[key])} of all rows`),
      ),
      html('li', { class: 'key level-key' }, 'target'),
    ),
    chart,
    asTable('Calibration as a table', [
      ['decile of vol_moving_avg', 'rows', 'below p10', 'below p50', 'below p90'],
      ...by_decile.map((group) => [
        group.part,
        whole(group.rows),
        ...QUANTILES.map(({ key }) => percent(group[key])),
      ]),
    ]),
  );
  drawToFit(chart, (width) => chart.replaceChildren(drawCalibration(by_decile, width)));
}

/**
 * @param {Group[]} groups
 * @param {number} width
 */
function drawCalibration(groups, width) {
  const last = groups.length - 1;
  const every = Math.ceil((groups.length * 48) / width);
  return drawLineChart({
    ...{ width, height: 320 },
    description:
      'Share of volumes below p10, p50 and p90, by decile of vol_moving_avg. The targets are 10, 50 and 90 %. The table has the numbers.',
    x: {
      ...{ min: -0.3, max: last + 0.3, label: 'vol_moving_avg up to, shares' },
      ticks: groups
        .map(({ part }, at) => ({ at, text: short(Number(part.split(' to ')[1])) }))
        .filter(({ at }) => (last - at) % every === 0),
    },
    y: {
      ...{ min: 0, max: 1, label: 'share of volumes below' },
      ticks: [0, 0.1, 0.5, 0.9, 1].map((at) => ({ at, text: `${at * 100} %` })),
    },
    series: QUANTILES.flatMap(({ style, target, key }) => {
      /** @type {[number, number][]} */
      const points = groups.map((group, index) => [index, group[key]]);
      return [
        {
          style: 'level',
          points: [
            [-0.3, target],
            [last + 0.3, target],
          ],
        },
        { style: `line ${style}`, points },
        { style: `dot ${style}`, points, isDots: true },
      ];
    }),
  });
}

/**
 * @param {string | null} version
 * @param {Scores | null} scores
 */
function showMeans(version, scores) {
  const panel = byId('means');
  if (!scores) return panel.replaceChildren(noScores(version));
  const groups = scores.by_decile.flatMap(({ part, mean_volume, mean_prediction }) =>
    mean_volume === undefined || mean_prediction === undefined
      ? []
      : [{ part, mean_volume, mean_prediction }],
  );
  if (groups.length === 0)
    return panel.replaceChildren(
      emptyNote('This model was trained before mean volumes were stored. Train it again.'),
    );
  const chart = html('div', { class: 'chart' });
  panel.replaceChildren(
    html(
      'ul',
      { class: 'keys' },
      html('li', { class: 'key dot-key' }, 'a decile of vol_moving_avg'),
      html('li', { class: 'key level-key' }, 'actual = predicted'),
    ),
    chart,
    asTable('Actual and predicted as a table', [
      ['decile of vol_moving_avg', 'mean volume', 'mean prediction', 'predicted ÷ actual'],
      ...groups.map(({ part, mean_volume, mean_prediction }) => [
        part,
        whole(mean_volume),
        whole(mean_prediction),
        mean_volume > 0 ? `${digits(mean_prediction / mean_volume)} ×` : '–',
      ]),
    ]),
  );
  drawToFit(chart, (width) => chart.replaceChildren(drawMeans(groups, width)));
}

/**
 * @param {Means[]} groups
 * @param {number} width
 */
function drawMeans(groups, width) {
  /** @type {[number, number][]} */
  const points = groups.map(({ mean_volume, mean_prediction }) => [
    signedLog(mean_prediction),
    signedLog(mean_volume),
  ]);
  const [min, max] = [Math.min(...points.flat()) - 0.3, Math.max(...points.flat()) + 0.3];
  const axis = (/** @type {string} */ label, /** @type {number} */ maxTicks) => ({
    ...{ min, max, label },
    ticks: logTicks([min, max], (max - min) / maxTicks).map((value) => ({
      at: signedLog(value),
      text: short(value),
    })),
  });
  return drawLineChart({
    ...{ width, height: 320 },
    description:
      'Mean volume against mean prediction, by decile of vol_moving_avg. The table has the numbers.',
    x: axis('mean prediction, shares', width / 48),
    y: axis('mean volume, shares', 9),
    series: [
      {
        style: 'level',
        points: [
          [min, min],
          [max, max],
        ],
      },
      { style: 'dot second', points, isDots: true },
    ],
  });
}

/**
 * @param {string} title
 * @param {string[][]} rows the first are the names of the columns
 */
function asTable(title, [head, ...rows]) {
  return html('details', {}, html('summary', {}, title), table(title, head, rows));
}

/** @param {string | null} version */
function noScores(version) {
  return emptyNote(
    version === null
      ? 'No model is in service yet.'
      : 'The store has no metrics.json with scores for this model.',
  );
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
