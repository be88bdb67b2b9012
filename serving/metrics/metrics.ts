import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Route } from '../route.ts';
import type { Drift } from '../scoring/drift.ts';
import type { Service } from '../scoring/service.ts';
import type { Shadow, ShadowTotals } from '../scoring/shadow.ts';
import { createHistogram, type Series } from './latency-histogram.ts';
import { registerDrift, type Snapshot } from './merge-metrics.ts';

const BUCKETS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const METHODS = new Set(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);

/** State that the metrics read on a scrape. */
export interface ServingState {
  service: Service;
  drift: Drift | undefined;
  shadow: Shadow;
  /** Scored rows, and requests whose rows were all scored. */
  rows: number;
  requests: number;
}

/**
 * Metric names follow OpenTelemetry (http_server_…) and MLServer (model_infer_…).
 * @param openResponses answers that have not ended
 */
export function createMetrics(state: ServingState, openResponses: ReadonlySet<unknown> = new Set()) {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const duration = createHistogram(
    'http_server_request_duration_seconds',
    'From the headers of a request to the end of its answer',
    BUCKETS,
    register,
  );
  registerActiveRequests(register, openResponses);
  const loads = createLoadsCounter(register);
  registerModelMetrics(register, state);
  registerShadowMetrics(register, state);
  const readDrift = () => {
    const { drift, service } = state;
    return drift && service.current ? [drift.counted(service.current.version)] : [];
  };
  registerDrift(register, readDrift);

  const seriesByKind = new Map<string, Series>();
  /**
   * The durations of answers of this kind.
   * @param http_route the path of a declared route or "other": callers must not be able to add
   * series
   */
  function durations(method: string, http_route: string, status: number): Series {
    const http_request_method = METHODS.has(method) ? method : '_OTHER';
    const key = `${http_request_method} ${http_route} ${status}`;
    const known = seriesByKind.get(key);
    if (known) return known;
    const series = duration({ http_request_method, http_route, http_response_status_code: String(status) });
    seriesByKind.set(key, series);
    return series;
  }

  return {
    register,
    loads,
    durations,
    /**
     * Starts the series of the routes that predict at 0. rate() of Prometheus does not see the
     * first answer of a later series.
     */
    startSeries(routes: Route[]): void {
      for (const { method, path, description } of routes)
        if (path === '/predict' || description?.request)
          for (const status of [200, 400, 500, 503]) durations(method, path, status);
    },
    /** For the primary process, which merges those of all workers. */
    snapshot: async (): Promise<Snapshot> => ({
      values: await register.getMetricsAsJSON(),
      drift: readDrift()[0],
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

function registerActiveRequests(register: Registry, openResponses: ReadonlySet<unknown>): void {
  new Gauge({
    name: 'http_server_active_requests',
    help: 'Requests whose answer has not ended, this one included',
    ...{ registers: [register], aggregator: 'sum' },
    collect() {
      this.set(openResponses.size);
    },
  });
}

function createLoadsCounter(register: Registry): Counter<'outcome' | 'reason'> {
  const loads = new Counter({
    name: 'model_loads_total',
    help: 'Models that were read, by outcome',
    labelNames: ['outcome', 'reason'],
    registers: [register],
  });
  loads.inc({ outcome: 'success' }, 0);
  for (const reason of ['model.bin', 'champion.json']) loads.inc({ outcome: 'failure', reason }, 0);
  return loads;
}

function registerModelMetrics(register: Registry, state: ServingState): void {
  const registers = [register];
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  new Gauge({
    ...{ name: 'model_info', help: 'The model in service', labelNames: ['model_version'] },
    ...{ registers, aggregator: 'max' },
    collect() {
      this.reset();
      const { current } = state.service;
      if (current) this.set({ model_version: current.version }, 1);
    },
  });
  new Gauge({
    ...{
      name: 'model_load_failed',
      help: '1 while the champion cannot be used',
      registers,
      aggregator: 'max',
    },
    collect() {
      this.set(state.service.fault ? 1 : 0);
    },
  });
  total('model_infer_request_success_total', 'Requests whose rows were all scored', () => state.requests);
  total('model_infer_rows_total', 'Rows that were scored', () => state.rows);
}

function registerShadowMetrics(register: Registry, state: ServingState): void {
  const total = (name: string, help: string, read: (totals: ShadowTotals) => number) =>
    new Counter({
      ...{ name, help, labelNames: ['model_version'], registers: [register] },
      collect() {
        this.reset();
        for (const [model_version, totals] of state.shadow.totals) this.inc({ model_version }, read(totals));
      },
    });
  total('model_shadow_rows_total', 'Rows that the challenger scored, too', ({ rows }) => rows);
  total(
    'model_shadow_disagreements_total',
    'Rows where it differs by over 10 %',
    ({ disagreements }) => disagreements,
  );
  total('model_shadow_dropped_total', 'Rows it was too busy to score', ({ dropped }) => dropped);
  total('model_shadow_log_distance_total', 'Sum of the absolute log ratios', ({ distance }) => distance);
}
