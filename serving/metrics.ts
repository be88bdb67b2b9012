import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Drift } from './drift.ts';
import type { Shadow } from './shadow.ts';

const BUCKETS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const METHODS = new Set(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);
const ROUTE =
  /^(\/|\/predict|\/metrics|\/openapi\.json|\/docs|\/health\/(live|ready)|\/v2(\/health\/(live|ready))?)$/;

/** What happens to models and to what they are asked; the metrics read it when they are scraped. */
export interface Watched {
  version: string | undefined;
  /** What is wrong with the model that was to be loaded last; undefined if nothing. */
  fault: string | undefined;
  drift: Drift | undefined;
  shadow: Shadow;
  predictions: number;
}

/** Names as OpenTelemetry (http_server_…) and MLServer (model_infer_…) have them. */
export function createMetrics(watched: Watched) {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const gauge = (name: string, help: string, read: () => number, aggregator: 'sum' | 'max' = 'max') =>
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      collect: function () {
        this.set(read());
      },
    });
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect: function () {
        this.reset();
        this.inc(read());
      },
    });

  const duration = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the headers of a request to the end of its answer',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: BUCKETS,
    registers,
  });
  const loads = new Counter({
    name: 'model_loads_total',
    help: 'Models that were read, by what came of it',
    labelNames: ['outcome'],
    registers,
  });
  new Gauge({
    name: 'model_info',
    help: 'The model in service',
    labelNames: ['model_version'],
    registers,
    aggregator: 'max',
    collect() {
      this.reset();
      if (watched.version) this.set({ model_version: watched.version }, 1);
    },
  });
  gauge('model_load_failed', '1 while the model to be served cannot be used', () => (watched.fault ? 1 : 0));
  total('model_infer_request_success_total', 'Rows that were scored', () => watched.predictions);
  gauge(
    'model_input_drift_psi',
    'Population stability index of the inputs',
    () => watched.drift?.index() ?? Number.NaN,
  );
  gauge('model_input_drift_rows', 'Rows that the index is of', () => watched.drift?.rows ?? 0, 'sum');
  const { shadow } = watched;
  total('model_shadow_rows_total', 'Rows that the challenger scored too', () => shadow.rows);
  total('model_shadow_disagreements_total', 'Rows where it differs by over 10 %', () => shadow.disagreements);
  total('model_shadow_dropped_total', 'Rows it was too busy to score', () => shadow.dropped);
  total('model_shadow_log_distance_sum', 'Sum of the absolute log ratios', () => shadow.distance);

  const known = new Map<string, (seconds: number) => void>();
  return {
    register,
    loads,
    /** Counts an answer; what is not known counts as one, so that callers cannot grow the memory. */
    observe(method: string, path: string, status: number, seconds: number): void {
      const route = ROUTE.test(path) ? path : path.startsWith('/v2/') ? '/v2/*' : 'other';
      const verb = METHODS.has(method) ? method : '_OTHER';
      const key = `${verb} ${route} ${status}`;
      let observe = known.get(key);
      if (!observe) {
        const child = duration.labels(verb, route, String(status));
        observe = (value) => child.observe(value);
        known.set(key, observe);
      }
      observe(seconds);
    },
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
