import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Service } from '../champion/service.ts';
import { mediaTypeOf, readChunks, readJson } from '../http/body.ts';
import { RequestError } from '../problem.ts';
import { Batch } from '../schemas.ts';
import { currentOf, scoreRow } from '../scoring/score-row.ts';

export const ARROW_STREAM = 'application/vnd.apache.arrow.stream';

/** POST /predict: a batch of rows, as JSON or as an Arrow IPC stream; the answer comes in the same form. */
export function mountBatch(app: Hono, service: Service, bodyLimit: number): void {
  app.post('/predict', async (context) => {
    const request = context.req.raw;
    const type = mediaTypeOf(request);
    if (type === ARROW_STREAM) {
      const { scoreStream } = await import('../arrow/arrow-stream.ts');
      const current = currentOf(service);
      const { outgoing } = context.env as Partial<HttpBindings>;
      const body = await scoreStream(readChunks(request.body, bodyLimit), service, current, (error) => {
        if (!outgoing) throw error;
        // It then tells the listener why; an error of the stream node-server would print.
        outgoing.destroy(error as Error);
      });
      // Said to be chunked the answer begins at once; otherwise node-server reads ahead and makes a 500 of a late error.
      return new Response(body, {
        headers: {
          'content-type': ARROW_STREAM,
          'transfer-encoding': 'chunked',
          'x-model-version': current.version,
        },
      });
    }
    if (type !== 'application/json')
      throw new RequestError(415, `POST /predict takes application/json or ${ARROW_STREAM}`);
    const { instances } = await readJson(request, Batch, bodyLimit);
    const current = currentOf(service);
    const predictions = instances.map((row) =>
      scoreRow(service, current, row.vol_moving_avg, row.adj_close_rolling_med),
    );
    service.succeed?.();
    context.header('X-Model-Version', current.version);
    return context.json({ predictions, model_version: current.version });
  });
}
