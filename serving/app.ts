import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { ModelSource } from './champion/model-source.ts';
import type { Service } from './champion/service.ts';
import { RequestError, tell } from './problem.ts';
import { mountBatch } from './routes/batch.ts';
import { mountDocs } from './routes/docs.ts';
import { mountPage } from './routes/page.ts';
import { mountPredict } from './routes/predict.ts';
import { mountProtocol } from './routes/protocol.ts';

/** Prometheus' text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The HTTP interface of the model in service. It listens nowhere by itself.
 * @param report is told of an error that is not the client's, and of the id of its request
 * @param bodyLimit bytes that a body may have, whether its length was announced or not
 * @param scrape gives the text of /metrics, of all processes
 * @param source where the page's reports of the model lie
 */
export function createApp(
  service: Service,
  report: (error: Error, requestId?: string) => void,
  bodyLimit = Number.POSITIVE_INFINITY,
  scrape: () => Promise<string> = async () => '',
  source?: ModelSource,
): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const version = service.current?.version;
    await next();
    // A route that scored has named the model that it used: another may have come while the body did.
    if (version && !context.res.headers.has('X-Model-Version')) context.header('X-Model-Version', version);
  });

  mountPredict(app, service);
  mountBatch(app, service, bodyLimit);
  mountProtocol(app, service, bodyLimit);
  mountDocs(app);
  mountPage(app, service, source);
  app.get('/health/live', (context) => context.json({ status: 'live' }));
  app.get('/health/ready', (context) => {
    const { current, fault } = service;
    return current
      ? context.json({ status: 'ready', model: current.version, ...(fault && { refused: fault }) })
      : context.json({ status: 'not ready', reason: fault ?? 'no model was promoted yet' }, 503);
  });

  app.get('/metrics', async (context) => context.body(await scrape(), 200, { 'content-type': METRICS_TYPE }));

  refuseMethods(app);
  app.notFound((context) =>
    fail(
      context.req.path,
      new RequestError(
        404,
        `there is no ${context.req.method} ${context.req.path.slice(0, 200)}; ask for GET /predict?vol_moving_avg=12345&adj_close_rolling_med=25`,
      ),
    ),
  );
  app.onError((error, context) => {
    if (error instanceof RequestError) return fail(context.req.path, error);
    const { outgoing } = context.env as Partial<HttpBindings>;
    report(error, outgoing?.getHeader('X-Request-Id') as string | undefined);
    return fail(context.req.path, new RequestError(500, 'the server failed, and has logged why'));
  });
  return app;
}

/** A path that there is, asked by a method that it does not know, is a 405 that names those it knows. */
function refuseMethods(app: Hono): void {
  const known = Map.groupBy(
    app.routes.filter(({ method }) => method !== 'ALL'),
    ({ path }) => path,
  );
  for (const [path, routes] of known) {
    const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const allow = [...new Set(methods)].join(', ');
    app.all(path, (context) => {
      const detail = `${context.req.method.slice(0, 40)} is no way to ask; use ${allow}`;
      return fail(context.req.path, new RequestError(405, detail, [], { allow }));
    });
  }
}

function fail(path: string, error: RequestError): Response {
  const { body, ...rest } = tell(error, path);
  return new Response(body, rest);
}
