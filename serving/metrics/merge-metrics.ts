import { AggregatorRegistry, Gauge, type Registry } from 'prom-client';
import { addCounts, type Counted, rowsOf, stabilityIndex } from '../scoring/drift.ts';

/** prom-client's metrics as JSON. */
export type Values = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a process says of itself when it is asked. */
export interface Snapshot {
  values: Values;
  drift: Counted | undefined;
}

/**
 * The text of /metrics of several processes.
 * @param ended what those that have ended left
 */
export function mergeSnapshots(living: Snapshot[], ended: Values): Promise<string> {
  const register: Registry = AggregatorRegistry.aggregate([ended, ...living.map(({ values }) => values)]);
  registerDrift(register, () => addCounts(living.flatMap(({ drift }) => drift ?? [])));
  return register.metrics();
}

/** Adds to what processes that have ended left what another leaves: what is counted up, so that no counter ever falls. */
export function addEnded(ended: Values, { values }: Snapshot): Promise<Values> {
  const left = values.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
  return AggregatorRegistry.aggregate([ended, left]).getMetricsAsJSON();
}

/** Drift by model. Its gauges are made anew from all processes' counts, for an index cannot be added up. */
export function registerDrift(register: Registry, read: () => Counted[]): void {
  const gauge = (name: string, help: string, measure: (counted: Counted) => number) =>
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
  gauge('model_input_drift_rows', 'Rows that the index is of', rowsOf);
}
