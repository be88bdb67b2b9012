import { byId, drawToFit, emptyNote, table } from './dom.js';
import { drawLineChart } from './line-chart.js';
import { digits, duration, whole } from './number-format.js';
import { roundTicks } from './ticks.js';

/**
 * The counters of one method and path.
 * @typedef {object} RouteCounters
 * @property {string} name
 * @property {number} count
 * @property {number} failed
 * @property {Map<number, number>} buckets number of requests up to each latency in seconds
 */
/**
 * @typedef {object} Sample
 * @property {number} at in seconds
 * @property {Map<string, RouteCounters>} routes
 * @property {number} predictions
 */

const FIGURES_SECONDS = 10;
const CHART_SECONDS = 120;

const METRIC = 'http_server_request_duration_seconds';
const SHOWN_ROUTE = /^\/(predict|v2)/;

/** @type {Sample[]} */
let samples = [];
/** @type {{ at: number, rate: number }[]} */
let rates = [];

export function startLiveMetrics() {
  drawToFit(byId('rate-chart'), drawRates);
  showRoutes([], 0);
}

/**
 * Shows what has changed since the last samples.
 * @param {string} text the body of /metrics
 * @param {number} now in milliseconds
 */
export function addSample(text, now) {
  const sample = readSample(text, now / 1_000);
  const previous = samples.at(-1);
  // The counters of a new process start at 0 and cannot be compared with those before.
  if (previous && requestCount(sample) < requestCount(previous)) [samples, rates] = [[], []];
  const isRecent = (/** @type {{ at: number }} */ { at }) => at >= sample.at - CHART_SECONDS;
  const recent = samples.filter(isRecent);
  const last = recent.at(-1);
  samples = [...recent, sample];
  if (last) {
    const rate = (requestCount(sample) - requestCount(last)) / (sample.at - last.at);
    rates = [...rates.filter(isRecent), { at: sample.at, rate }];
  }
  showFigures(sample);
  drawRates();
}

/** @param {Sample} sample */
function showFigures(sample) {
  const start = samples.findLast(({ at }) => at <= sample.at - FIGURES_SECONDS) ?? samples[0];
  const seconds = sample.at - start.at;
  const routes = seconds > 0 ? [...sample.routes.values()].map((route) => countSince(start, route)) : [];
  const total = sum(routes);
  byId('request-rate').textContent = seconds > 0 ? perSecond(total.count / seconds) : '–';
  byId('error-rate').textContent = seconds > 0 ? perSecond(total.failed / seconds) : '–';
  byId('median-latency').textContent = quantile(total, 0.5);
  byId('p99-latency').textContent = quantile(total, 0.99);
  byId('predictions').textContent = whole(sample.predictions);
  showRoutes(
    routes.filter(({ count }) => count > 0),
    seconds,
  );
}

function drawRates() {
  const chart = byId('rate-chart');
  const width = chart.clientWidth;
  if (width === 0) return;
  const now = rates.at(-1)?.at ?? 0;
  const maxRate = Math.max(1, ...rates.map(({ rate }) => rate));
  const ticks = roundTicks(0, maxRate, 3);
  const max = Math.max(maxRate, ticks.at(-1) ?? 1);
  chart.replaceChildren(
    drawLineChart({
      width,
      height: 150,
      x: {
        ...{ min: -CHART_SECONDS, max: 0, label: 'seconds ago' },
        ticks: [-120, -90, -60, -30, 0].map((at) => ({ at, text: String(-at) })),
      },
      y: {
        ...{ min: 0, max: max * 1.05, label: 'requests / s' },
        ticks: ticks.map((at) => ({ at, text: at >= 1_000 ? `${at / 1_000}k` : String(at) })),
      },
      series: [{ style: 'line first', points: rates.map(({ at, rate }) => [at - now, rate]) }],
      description: `Requests per second over the last two minutes, at most ${perSecond(maxRate)}`,
    }),
  );
}

/**
 * @param {RouteCounters[]} routes
 * @param {number} seconds
 */
function showRoutes(routes, seconds) {
  const panel = byId('routes');
  if (routes.length === 0) return panel.replaceChildren(emptyNote('No requests in the last 10 seconds.'));
  panel.replaceChildren(
    table(
      'Requests by route',
      ['route', 'requests / s', 'median latency', 'p99 latency', 'errors / s'],
      routes.map((route) => [
        route.name,
        perSecond(route.count / seconds),
        quantile(route, 0.5),
        quantile(route, 0.99),
        perSecond(route.failed / seconds),
      ]),
    ),
  );
}

/**
 * Reads the counters of the shown routes from Prometheus' text format.
 * @param {string} text
 * @param {number} at in seconds
 * @returns {Sample}
 */
function readSample(text, at) {
  /** @type {Map<string, RouteCounters>} */
  const routes = new Map();
  let predictions = 0;
  for (const line of text.split('\n')) {
    const [, metric = '', labelText = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (metric === 'model_infer_rows_total') predictions = Number(value);
    if (!metric.startsWith(METRIC)) continue;
    const labels = Object.fromEntries(
      [...labelText.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]),
    );
    if (!SHOWN_ROUTE.test(labels.http_route ?? '')) continue;
    const name = `${labels.http_request_method} ${labels.http_route}`;
    const route = routes.get(name) ?? { name, count: 0, failed: 0, buckets: new Map() };
    routes.set(name, route);
    if (metric === `${METRIC}_count`) {
      route.count += Number(value);
      if (Number(labels.http_response_status_code) >= 400) route.failed += Number(value);
    } else if (metric === `${METRIC}_bucket`) {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      route.buckets.set(bound, (route.buckets.get(bound) ?? 0) + Number(value));
    }
  }
  return { at, routes, predictions };
}

/**
 * @param {Sample} start
 * @param {RouteCounters} route
 * @returns {RouteCounters}
 */
function countSince(start, { name, count, failed, buckets }) {
  const before = start.routes.get(name);
  return {
    name,
    count: count - (before?.count ?? 0),
    failed: failed - (before?.failed ?? 0),
    buckets: new Map([...buckets].map(([bound, n]) => [bound, n - (before?.buckets.get(bound) ?? 0)])),
  };
}

/**
 * @param {RouteCounters[]} routes
 * @returns {RouteCounters}
 */
function sum(routes) {
  /** @type {Map<number, number>} */
  const buckets = new Map();
  for (const route of routes)
    for (const [bound, count] of route.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count);
  const total = (/** @type {'count' | 'failed'} */ key) => routes.reduce((sum, route) => sum + route[key], 0);
  return { name: 'all', count: total('count'), failed: total('failed'), buckets };
}

/**
 * A latency quantile, interpolated within its bucket.
 * In the first and the last bucket only a bound is known.
 * @param {RouteCounters} counters
 * @param {number} probability
 */
function quantile({ count, buckets }, probability) {
  if (count === 0) return '–';
  const rank = probability * count;
  let [lower, countBelow] = [0, 0];
  for (const [bound, upTo] of [...buckets].sort(([a], [b]) => a - b)) {
    if (upTo >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return `> ${duration(lower)}`;
      if (lower === 0) return `≤ ${duration(bound)}`;
      return duration(lower + ((rank - countBelow) / (upTo - countBelow)) * (bound - lower));
    }
    [lower, countBelow] = [bound, upTo];
  }
  return '–';
}

/** @param {Sample} sample */
function requestCount({ routes }) {
  return sum([...routes.values()]).count;
}

/** @param {number} value */
function perSecond(value) {
  return value >= 1_000 ? whole(value) : digits(value);
}
