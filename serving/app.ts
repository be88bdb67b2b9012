import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { keepMatchedRoute } from './http/matched-route.ts';
import { formatError, RequestError } from './problem.ts';
import type { Route } from './route.ts';
import type { Service } from './scoring/service.ts';

/**
 * The HTTP interface of the model in service. It does not listen: server.ts does.
 * @param logError receives an error that is not the client's, and the id of its request
 */
export function createApp(
  routes: Route[],
  service: Service,
  logError: (error: Error, requestId?: string) => void,
): Hono {
  const app = new Hono();
  app.use(keepMatchedRoute);
  app.use(async (context, next) => {
    const version = service.current?.version;
    await next();
    // A route that scored has set the version it used, which can be newer than at the start.
    if (version && !context.res.headers.has('X-Model-Version')) context.header('X-Model-Version', version);
  });
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerWrongMethod }));
  for (const { method, path, middleware = [], handler } of routes)
    app.on([method], [path], ...middleware, handler);

  app.notFound(({ req }) =>
    answerError(
      req.path,
      new RequestError(
        404,
        `there is no ${req.method} ${req.path.slice(0, 200)}; use GET /predict?vol_moving_avg=12345&adj_close_rolling_med=25`,
      ),
    ),
  );
  app.onError((error, context) => {
    if (error instanceof RequestError) return answerError(context.req.path, error);
    // Without a listener, as in tests, there is no env.
    const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
    logError(error, outgoing?.getHeader('X-Request-Id') as string | undefined);
    return answerError(context.req.path, new RequestError(500, 'the server failed; its log has the reason'));
  });
  return app;
}

function answerWrongMethod({ req }: { req: { method: string; path: string } }, methods: string[]): Response {
  const allow = methods.join(', ');
  const detail = `${req.method.slice(0, 40)} is not allowed here; use ${allow}`;
  return answerError(req.path, new RequestError(405, detail, [], { allow }));
}

function answerError(path: string, error: RequestError): Response {
  const { body, ...init } = formatError(error, path);
  return new Response(body, init);
}
