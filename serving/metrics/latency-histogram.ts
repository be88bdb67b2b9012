import type { Registry } from 'prom-client';

/** The series of one set of labels. */
export interface Series {
  observe(value: number): void;
}

/**
 * A histogram like prom-client's, but an observation takes a few nanoseconds: buckets are summed on
 * a scrape only.
 */
export function createHistogram(
  name: string,
  help: string,
  buckets: number[],
  register: Registry,
): (labels: Record<string, string>) => Series {
  const all: { labels: Record<string, string>; counts: Float64Array; total: { sum: number } }[] = [];
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum' as const,
    reset() {
      for (const { counts, total } of all) {
        counts.fill(0);
        total.sum = 0;
      }
    },
    async get() {
      const values = all.flatMap(({ labels, counts, total }) => {
        let count = 0;
        const lines = [...buckets, '+Inf'].map((le, index) => {
          count += counts[index] as number;
          return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
        });
        return [
          ...lines,
          { metricName: `${name}_sum`, labels, value: total.sum },
          { metricName: `${name}_count`, labels, value: count },
        ];
      });
      return { name, help, type: metric.type, aggregator: metric.aggregator, values };
    },
  };
  register.registerMetric(metric as never);

  return (labels) => {
    const counts = new Float64Array(buckets.length + 1);
    const total = { sum: 0 };
    all.push({ labels, counts, total });
    return {
      observe(value) {
        let index = 0;
        while (index < buckets.length && value > (buckets[index] as number)) index++;
        counts[index] = (counts[index] as number) + 1;
        total.sum += value;
      },
    };
  };
}
