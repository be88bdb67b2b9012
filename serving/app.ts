import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { createPathLookup } from './http/known-paths.ts';
import { formatError, RequestError } from './problem.ts';
import type { Route } from './route.ts';

/**
 * The HTTP interface of the model in service. It does not listen: server.ts does.
 * @param logError receives an error that is not the client's, and the id of its request
 */
export function createApp(routes: Route[], logError: (error: Error, requestId?: string) => void): Hono {
  const app = new Hono();
  const lookUp = createPathLookup(routes);
  // Most routes have no middleware: Hono then calls the handler directly, which is much faster.
  for (const { method, path, middleware = [], handler } of routes)
    app.on([method], [path], ...middleware, handler);

  app.notFound(({ req: { method, path } }) => {
    const { methods } = lookUp(path) ?? {};
    return answerError(
      path,
      methods && !methods.includes(method) ? wrongMethod(method, methods) : notFound(method, path),
    );
  });
  app.onError((error, context) => {
    if (error instanceof RequestError) return answerError(context.req.path, error);
    // Without a listener, as in tests, there is no env.
    const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
    logError(error, outgoing?.getHeader('X-Request-Id') as string | undefined);
    return answerError(context.req.path, new RequestError(500, 'the server failed; its log has the reason'));
  });
  return app;
}

function wrongMethod(method: string, methods: string[]): RequestError {
  const allow = methods.join(', ');
  return new RequestError(405, `${method.slice(0, 40)} is not allowed here; use ${allow}`, [], { allow });
}

function notFound(method: string, path: string): RequestError {
  const example = '/predict?vol_moving_avg=12345&adj_close_rolling_med=25';
  return new RequestError(404, `there is no ${method} ${path.slice(0, 200)}; use GET ${example}`);
}

function answerError(path: string, error: RequestError): Response {
  const { body, ...init } = formatError(error, path);
  return new Response(body, init);
}
