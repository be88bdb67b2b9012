import type { Route } from '../route.ts';

/** Prometheus' text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** GET /metrics: the metrics of all processes. */
export function metricsRoutes(scrape: () => Promise<string>): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      description: {
        summary: 'Metrics for Prometheus',
        response: { 'text/plain': undefined },
        notReady: null,
      },
      isUnlimited: true,
      handler: async (context) => context.body(await scrape(), 200, { 'content-type': METRICS_TYPE }),
    },
  ];
}
