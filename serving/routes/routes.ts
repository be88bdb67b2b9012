import type { ModelSource } from '../champion/model-source.ts';
import type { Route } from '../route.ts';
import type { Service } from '../scoring/service.ts';
import { docsRoutes } from './docs.ts';
import { healthRoutes } from './health.ts';
import { metricsRoutes } from './metrics-route.ts';
import { pageRoutes } from './page.ts';
import { predictRoutes } from './predict.ts';
import { batchRoutes } from './predict-batch.ts';
import { protocolRoutes } from './protocol.ts';

export interface RouteOptions {
  /** Maximum bytes of a body, whether it has a Content-Length or not. */
  bodyLimit?: number;
  /** Returns the text of /metrics, of all processes. */
  scrape?: () => Promise<string>;
  /** Source of the reports that the page shows. */
  source?: ModelSource | undefined;
}

export function createRoutes(
  service: Service,
  { bodyLimit = Number.POSITIVE_INFINITY, scrape = async () => '', source }: RouteOptions = {},
): Route[] {
  const routes = [
    ...predictRoutes(service),
    ...batchRoutes(service, bodyLimit),
    ...protocolRoutes(service, bodyLimit),
    ...healthRoutes(service),
    ...metricsRoutes(scrape),
    ...pageRoutes(service, source),
  ];
  return [...routes, ...docsRoutes(routes)];
}
