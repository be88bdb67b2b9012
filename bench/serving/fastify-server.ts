/** The same request, model and headers with Fastify, for comparison. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { decodeModel } from '../../model/model-file.ts';
import { createPredictor } from '../../model/predictor.ts';
import { httpOptions } from '../../serving/http/node-options.ts';
import { readSettings } from '../../serving/settings.ts';

const predict = createPredictor(decodeModel(readFileSync(join(process.env.STORE ?? '', 'model.bin'))));
const inputs = { vol_moving_avg: { type: 'number', minimum: 0 }, adj_close_rolling_med: { type: 'number' } };
const http = httpOptions(readSettings({}));
// Fastify overwrites these two in the options of node:http.
const { keepAliveTimeout = 0, requestTimeout = 0 } = http;
const app = fastify({ requestIdHeader: 'x-request-id', http, keepAliveTimeout, requestTimeout });
app.addHook('onSend', async (request, reply) => {
  reply.headers({
    'x-model-version': process.env.VERSION ?? '',
    'x-request-id': request.id,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  });
});
app.get<{ Querystring: { vol_moving_avg: number; adj_close_rolling_med: number } }>(
  '/predict',
  { schema: { querystring: { type: 'object', properties: inputs, required: Object.keys(inputs) } } },
  async ({ query }, reply) => {
    reply.type('application/json');
    return String(Math.round(predict(query.vol_moving_avg, query.adj_close_rolling_med).point));
  },
);
process.stderr.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
