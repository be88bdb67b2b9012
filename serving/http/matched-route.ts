import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

const routes = new WeakMap<ServerResponse, string>();

/** Middleware that keeps the path of the route that Hono matched, such as /v2/models/:name, for the metrics. */
export const keepMatchedRoute: MiddlewareHandler = (context, next) => {
  // Without a listener, as in tests, there is no env.
  const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
  const path = routePath(context, -1);
  if (outgoing && path !== '/*') routes.set(outgoing as ServerResponse, path);
  return next();
};

/** The path of the route that this answer is from; "other" if no route was reached. */
export function matchedRoute(response: ServerResponse): string {
  return routes.get(response) ?? 'other';
}
