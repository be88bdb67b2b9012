import { drawLines } from './chart.js';
import { byId, drawToFit, nothing, table } from './dom.js';
import { digits, duration, roundTicks, whole } from './numbers.js';

/** Counters of one method and path, by status. */
/** @typedef {{ name: string, count: number, failed: number, buckets: Map<number, number> }} Route */
/** @typedef {{ at: number, routes: Map<string, Route>, predictions: number }} Sample */

/** Figures are of the last so many seconds, the chart of the last so many. */
const [WINDOW, SPAN] = [10, 120];

const NAME = 'http_server_request_duration_seconds';
const SHOWN = /^\/(predict|v2)/;

/** @type {Sample[]} */
let samples = [];
/** @type {{ at: number, rate: number }[]} */
let rates = [];

/** Begins the chart, which has nothing to show yet. */
export function startLive() {
  const chart = byId('rate-chart');
  drawToFit(chart, () => drawRates());
  drawRoutes([]);
}

/**
 * Takes what /metrics says now, and shows what happened since.
 * @param {string} text
 * @param {number} now in milliseconds
 */
export function observe(text, now) {
  const sample = readSample(text, now / 1_000);
  const before = samples.at(-1);
  // A process that is new counts from 0: nothing from before can be compared with it.
  if (before && countOf(sample) < countOf(before)) [samples, rates] = [[], []];
  samples = [...samples.filter(({ at }) => at >= sample.at - SPAN), sample];
  const last = samples.at(-2);
  if (last)
    rates = [
      ...rates.filter(({ at }) => at >= sample.at - SPAN),
      { at: sample.at, rate: (countOf(sample) - countOf(last)) / (sample.at - last.at) },
    ];
  show(sample);
}

/** @param {Sample} sample */
function show(sample) {
  const start = samples.findLast(({ at }) => at <= sample.at - WINDOW) ?? samples[0];
  const seconds = sample.at - start.at;
  const routes = seconds > 0 ? [...sample.routes.values()].map((route) => since(route, start)) : [];
  const all = sum(routes);
  const isQuiet = all.count === 0;
  byId('rate').textContent = seconds > 0 ? perSecond(all.count / seconds) : '–';
  byId('failures').textContent = seconds > 0 ? perSecond(all.failed / seconds) : '–';
  byId('p50').textContent = isQuiet ? '–' : quantile(all, 0.5);
  byId('p99').textContent = isQuiet ? '–' : quantile(all, 0.99);
  byId('predictions').textContent = whole(sample.predictions);
  drawRates();
  drawRoutes(routes.filter(({ count }) => count > 0).map((route) => ({ route, seconds })));
}

function drawRates() {
  const chart = byId('rate-chart');
  const width = chart.clientWidth;
  if (width === 0) return;
  const now = rates.at(-1)?.at ?? 0;
  const most = Math.max(1, ...rates.map(({ rate }) => rate));
  const y = roundTicks(0, most, 3);
  const top = Math.max(most, y.at(-1) ?? 1);
  chart.replaceChildren(
    drawLines({
      width,
      height: 150,
      x: {
        ...{ low: -SPAN, high: 0, label: 'seconds ago' },
        ticks: [-120, -90, -60, -30, 0].map((at) => ({ at, text: String(-at) })),
      },
      y: {
        ...{ low: 0, high: top * 1.05, label: 'requests / s' },
        ticks: y.map((at) => ({ at, text: at >= 1_000 ? `${at / 1_000}k` : String(at) })),
      },
      series: [{ name: 'rate', look: 'line first', points: rates.map(({ at, rate }) => [at - now, rate]) }],
      description: `Requests a second over the last two minutes, ${perSecond(most)} at most`,
    }),
  );
}

/** @param {{ route: Route, seconds: number }[]} routes */
function drawRoutes(routes) {
  const place = byId('routes');
  if (routes.length === 0) return place.replaceChildren(nothing('No request in the last ten seconds.'));
  const made = table(
    'Requests by route',
    ['route', 'requests / s', 'median', '99th percentile', '4xx, 5xx / s'],
    routes.map(({ route, seconds }) => [
      route.name,
      perSecond(route.count / seconds),
      quantile(route, 0.5),
      quantile(route, 0.99),
      perSecond(route.failed / seconds),
    ]),
  );
  // What has the focus, or was scrolled, stays.
  const shown = place.querySelector('.scroll');
  if (shown) shown.replaceChildren(...made.children);
  else place.replaceChildren(made);
}

/**
 * Reads the counters of our own routes from Prometheus' text format.
 * @param {string} text
 * @param {number} at in seconds
 * @returns {Sample}
 */
function readSample(text, at) {
  /** @type {Map<string, Route>} */
  const routes = new Map();
  let predictions = 0;
  for (const line of text.split('\n')) {
    const [, metric = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (metric === 'model_infer_rows_total') predictions = Number(value);
    if (!metric.startsWith(NAME)) continue;
    const label = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]),
    );
    if (!SHOWN.test(label.http_route ?? '')) continue;
    const name = `${label.http_request_method} ${label.http_route}`;
    const route = routes.get(name) ?? { name, count: 0, failed: 0, buckets: new Map() };
    routes.set(name, route);
    if (metric === `${NAME}_count`) {
      route.count += Number(value);
      if (Number(label.http_response_status_code) >= 400) route.failed += Number(value);
    } else if (metric === `${NAME}_bucket`) {
      const bound = label.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(label.le);
      route.buckets.set(bound, (route.buckets.get(bound) ?? 0) + Number(value));
    }
  }
  return { at, routes, predictions };
}

/**
 * @param {Route} route
 * @param {Sample} start
 * @returns {Route}
 */
function since(route, start) {
  const before = start.routes.get(route.name);
  return {
    name: route.name,
    count: route.count - (before?.count ?? 0),
    failed: route.failed - (before?.failed ?? 0),
    buckets: new Map([...route.buckets].map(([bound, n]) => [bound, n - (before?.buckets.get(bound) ?? 0)])),
  };
}

/**
 * @param {Route[]} routes
 * @returns {Route}
 */
function sum(routes) {
  /** @type {Map<number, number>} */
  const buckets = new Map();
  for (const route of routes)
    for (const [bound, count] of route.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count);
  const total = (/** @type {'count' | 'failed'} */ key) => routes.reduce((all, route) => all + route[key], 0);
  return { name: 'all', count: total('count'), failed: total('failed'), buckets };
}

/**
 * A quantile as the buckets know it: interpolated within one, or as what it is below or above.
 * @param {Route} route
 * @param {number} part
 */
function quantile({ count, buckets }, part) {
  let [low, below] = [0, 0];
  for (const [bound, upTo] of [...buckets].sort(([a], [b]) => a - b)) {
    if (upTo >= part * count) {
      if (bound === Number.POSITIVE_INFINITY) return `> ${duration(low)}`;
      if (low === 0) return `≤ ${duration(bound)}`;
      return duration(low + ((part * count - below) / (upTo - below)) * (bound - low));
    }
    [low, below] = [bound, upTo];
  }
  return '–';
}

/** @param {Sample} sample */
function countOf({ routes }) {
  return sum([...routes.values()]).count;
}

/** @param {number} value */
function perSecond(value) {
  return value >= 1_000 ? whole(value) : digits(value);
}
