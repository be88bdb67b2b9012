import { AggregatorRegistry, Gauge, type Registry } from 'prom-client';
import { addCounts, type DriftCounts, rowsOf, stabilityIndex } from '../scoring/drift.ts';

/** prom-client's metrics as JSON. */
export type Values = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of one process. */
export interface Snapshot {
  values: Values;
  drift: DriftCounts | undefined;
}

/**
 * The text of /metrics for several processes.
 * @param ended sums of the processes that have ended
 */
export function mergeSnapshots(living: Snapshot[], ended: Values): Promise<string> {
  const register: Registry = AggregatorRegistry.aggregate([ended, ...living.map(({ values }) => values)]);
  registerDrift(register, () => addCounts(living.flatMap(({ drift }) => drift ?? [])));
  return register.metrics();
}

/** Adds the counters and histograms of an ended process, so that no counter falls. */
export function addEnded(ended: Values, { values }: Snapshot): Promise<Values> {
  const left = values.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
  return AggregatorRegistry.aggregate([ended, left]).getMetricsAsJSON();
}

/** Drift by model, computed from the counts of all processes, because indexes cannot be added. */
export function registerDrift(register: Registry, read: () => DriftCounts[]): void {
  const gauge = (name: string, help: string, measure: (counted: DriftCounts) => number) =>
    new Gauge({
      ...{ name, help, labelNames: ['model_version'], registers: [register], aggregator: 'omit' as const },
      collect() {
        this.reset();
        for (const counted of read()) {
          const value = measure(counted);
          if (!Number.isNaN(value)) this.set({ model_version: counted.version }, value);
        }
      },
    });
  gauge(
    'model_input_drift_psi',
    'Population stability index of the inputs; none under 10,000 rows',
    stabilityIndex,
  );
  gauge('model_input_drift_rows', 'Number of rows that the index is computed from', rowsOf);
}
