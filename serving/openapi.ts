import * as z from 'zod';
import * as schemas from './schemas.ts';

/** The service as OpenAPI 3.1 has it, made from the schemas that check its requests. */
export function describeApi(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trading volume',
      version: '1.0.0',
      description: "Predicts a day's trading volume as three quantiles.",
    },
    paths: {
      '/predict': {
        get: operation(
          'Predict one row',
          [number('vol_moving_avg', 0), number('adj_close_rolling_med'), detail],
          {
            oneOf: [ref('Integer'), ref('Detail')],
          },
        ),
        post: {
          ...operation('Predict a batch', [], ref('Predictions'), arrow),
          requestBody: { required: true, content: { ...json(ref('Batch')), ...arrow } },
        },
      },
      '/v2/models/{name}/infer': {
        post: {
          ...operation(
            'Open Inference Protocol: infer',
            [name],
            ref('InferResponse'),
            {},
            json(ref('ProtocolError')),
          ),
          requestBody: { required: true, content: json(ref('InferRequest')) },
        },
      },
      ...Object.fromEntries(
        ['/v2', '/v2/health/live', '/v2/health/ready', '/v2/models/{name}', '/v2/models/{name}/ready'].map(
          (path) => [
            path,
            {
              get: operation(
                `Open Inference Protocol: ${path}`,
                path.includes('{name}') ? [name] : [],
                { type: 'object' },
                {},
                json(ref('ProtocolError')),
              ),
            },
          ],
        ),
      ),
    },
    components: { schemas: components() },
  };
}

const detail = { name: 'detail', in: 'query', schema: { enum: ['0', '1'] } };
const name = { name: 'name', in: 'path', required: true, schema: { const: 'volume' } };
const arrow = { 'application/vnd.apache.arrow.stream': {} };

function number(name: string, minimum?: number): object {
  const bound = minimum === undefined ? {} : { minimum };
  return { name, in: 'query', required: true, schema: { type: 'number', ...bound } };
}

function ref(id: string): object {
  return { $ref: `#/components/schemas/${id}` };
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}

function operation(
  summary: string,
  parameters: object[],
  schema: object,
  more: object = {},
  failure: object = { 'application/problem+json': { schema: ref('Problem') } },
): object {
  return {
    summary,
    parameters,
    responses: {
      200: { description: 'OK', content: { ...json(schema), ...more } },
      '4XX': { description: 'What is wrong with the request', content: failure },
      503: { description: 'No model is in service yet', content: failure },
    },
  };
}

function components(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas))
    if (schema instanceof z.ZodObject || id === 'Integer') registry.add(schema as z.ZodType, { id });
  const made = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` }).schemas;
  return Object.fromEntries(Object.entries(made).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}
