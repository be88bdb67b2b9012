import { Hono } from 'hono';
import { type Model, predict } from './model.ts';

/** What the assignment's clients send: a decimal number, with an exponent or without. */
const DECIMAL = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A query parameter that cannot be used; what is wrong with it ends up in the answer. */
class ParameterError extends Error {
  readonly parameter: string;

  constructor(parameter: string, reason: string) {
    super(`${parameter} ${reason}`);
    this.parameter = parameter;
  }
}

/** What is in service at the moment; it may be replaced between two requests. */
export interface Service {
  model: Model;
}

/**
 * The HTTP interface of the model in service. It listens nowhere by itself.
 * @param report is told of an error that is not the client's
 */
export function createApp(service: Service, report: (error: Error) => void): Hono {
  const app = new Hono();

  app.get('/predict', (context) => {
    const query = context.req.queries();
    const average = readNumber(query, 'vol_moving_avg');
    if (average < 0) throw new ParameterError('vol_moving_avg', 'must not be negative');
    const median = readNumber(query, 'adj_close_rolling_med');
    return context.json(Math.round(predict(service.model, average, median).point));
  });

  app.get('/health/live', (context) => context.json({ status: 'live' }));
  app.get('/health/ready', (context) => context.json({ status: 'ready', model: service.model.asOf }));

  app.notFound((context) =>
    problem(
      404,
      'Not Found',
      `there is no ${context.req.method} ${context.req.path}; ask for GET /predict?vol_moving_avg=12345&adj_close_rolling_med=25`,
    ),
  );
  app.onError((error) => {
    if (error instanceof ParameterError)
      return problem(400, 'Bad Request', error.message, { parameter: error.parameter });
    report(error);
    return problem(500, 'Internal Server Error', 'the prediction failed; the server has logged why');
  });
  return app;
}

function readNumber(query: Record<string, string[]>, name: string): number {
  const [text, second] = query[name] ?? [];
  if (text === undefined) throw new ParameterError(name, `is missing; give it as ${name}=25.5`);
  if (second !== undefined) throw new ParameterError(name, 'is given more than once; give it once');
  if (text === '') throw new ParameterError(name, `is empty; give it as ${name}=25.5`);
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number))
    throw new ParameterError(
      name,
      `must be a finite decimal number such as 25.5, not ${JSON.stringify(text.slice(0, 40))}`,
    );
  return number;
}

/** An error as RFC 9457 has it. */
function problem(status: number, title: string, detail: string, more: Record<string, string> = {}): Response {
  return Response.json(
    { type: 'about:blank', title, status, detail, ...more },
    { status, headers: { 'content-type': 'application/problem+json' } },
  );
}
