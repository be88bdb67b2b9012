import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import * as z from 'zod';
import { mediaTypeOf, readBytes, readChunks, readJson } from '../http/body.ts';
import { RequestError } from '../problem.ts';
import { json, type Route } from '../route.ts';
import { Instance, MAX_INSTANCES, Scored } from '../schemas.ts';
import { currentOf, scoreRow } from '../scoring/score-row.ts';
import type { Service } from '../scoring/service.ts';

export const ARROW_STREAM = 'application/vnd.apache.arrow.stream';

/**
 * A stream with a Content-Length up to this is received before it is answered. Its sender has all
 * of it, and may not read the answer before it has sent the rest: nginx and Python's requests do
 * not.
 */
const MAX_RECEIVED_BYTES = 8 * 2 ** 20;

const Batch = z.object({ instances: z.array(Instance).min(1).max(MAX_INSTANCES) }).meta({ id: 'Batch' });

const Predictions = z
  .object({ predictions: z.array(Scored), model_version: z.string() })
  .meta({ id: 'Predictions' });

/** POST /predict: rows as JSON or as an Arrow IPC stream. The answer has the same form. */
export function batchRoutes(service: Service, bodyLimit: number): Route[] {
  return [
    {
      method: 'POST',
      path: '/predict',
      description: {
        summary: 'Predict a batch',
        request: { ...json(Batch), [ARROW_STREAM]: undefined },
        response: { ...json(Predictions), [ARROW_STREAM]: undefined },
      },
      handler: (context) => {
        const type = mediaTypeOf(context.req.raw);
        if (type === ARROW_STREAM) return predictArrow(context, service, bodyLimit);
        if (type === 'application/json') return predictJson(context, service, bodyLimit);
        throw new RequestError(415, `POST /predict takes application/json or ${ARROW_STREAM}`);
      },
    },
  ];
}

async function predictJson(context: Context, service: Service, bodyLimit: number): Promise<Response> {
  const { instances } = await readJson(context.req.raw, Batch, bodyLimit);
  const current = currentOf(service);
  const predictions = instances.map((row) =>
    scoreRow(service, current, row.vol_moving_avg, row.adj_close_rolling_med),
  );
  service.succeed?.();
  context.header('X-Model-Version', current.version);
  return context.json({ predictions, model_version: current.version });
}

async function predictArrow(context: Context, service: Service, bodyLimit: number): Promise<Response> {
  const { scoreStream } = await import('../arrow/arrow-stream.ts');
  const current = currentOf(service);
  const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
  const chunks = arrowChunks(context.req.raw, bodyLimit);
  const body = await scoreStream(chunks, service, current, (error) => {
    if (!outgoing) throw error;
    // The listener then counts and logs the error. node-server would print an error of the stream.
    outgoing.destroy(error as Error);
  });
  // Without this Transfer-Encoding node-server reads ahead before it answers, and turns a late
  // error into a 500.
  const headers = {
    'content-type': ARROW_STREAM,
    'transfer-encoding': 'chunked',
    'x-model-version': current.version,
  };
  return new Response(body, { headers });
}

async function* arrowChunks(request: Request, bodyLimit: number): AsyncGenerator<Uint8Array> {
  const length = Number(request.headers.get('content-length'));
  if (length > 0 && length <= MAX_RECEIVED_BYTES) yield await readBytes(request, bodyLimit);
  else yield* readChunks(request.body, bodyLimit);
}
