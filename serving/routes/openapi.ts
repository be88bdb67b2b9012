import * as z from 'zod';
import * as schemas from '../schemas.ts';

type Content = Record<string, { schema?: object }>;

interface Operation {
  summary: string;
  answer: Content;
  parameters?: object[];
  body?: Content;
  failure?: Content;
  /** What is answered while no model is in service; null where that makes no difference. */
  unready?: Content | null;
  /** Whether it is answered without a token, whatever TOKEN is. */
  isOpen?: boolean;
}

/** The service as OpenAPI 3.1 has it, made from the schemas that check its requests. */
export function describeApi(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trading volume',
      version: '1.0.0',
      description:
        "Predicts a day's trading volume as three quantiles. Keys that are not known are passed over.",
    },
    // A server without TOKEN asks for none.
    security: [{}, { bearer: [] }],
    paths: { ...predictPaths(), ...protocolPaths(), ...operatingPaths() },
    components: {
      schemas: components(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'TOKEN, where it is set' } },
    },
  };
}

function predictPaths(): object {
  const parameters = [
    number('vol_moving_avg', 0),
    number('adj_close_rolling_med'),
    { name: 'detail', in: 'query', schema: { enum: ['0', '1'] } },
  ];
  const answer = json({ oneOf: [ref('Integer'), ref('Detail')] });
  const arrow = { 'application/vnd.apache.arrow.stream': {} };
  return {
    '/predict': {
      get: operation({ summary: 'Predict one row', parameters, answer }),
      post: operation({
        summary: 'Predict a batch',
        body: { ...json(ref('Batch')), ...arrow },
        answer: { ...json(ref('Predictions')), ...arrow },
      }),
    },
  };
}

/** Open Inference Protocol v2. */
function protocolPaths(): object {
  const failure = json(ref('ProtocolError'));
  const ask = (summary: string, answer: string, more: Partial<Operation> = {}) =>
    operation({
      summary: `Open Inference Protocol: ${summary}`,
      answer: json(ref(answer)),
      failure,
      ...more,
    });
  const name = { name: 'name', in: 'path', required: true, schema: { const: 'volume' } };
  const version = { name: 'version', in: 'path', required: true, schema: { type: 'string' } };
  const model = (path: string, ...parameters: object[]) => ({
    [path]: { get: ask('the model', 'ModelMetadata', { parameters }) },
    [`${path}/ready`]: { get: ask('is the model ready', 'ModelReady', { parameters }) },
    [`${path}/infer`]: {
      post: ask('infer', 'InferResponse', { parameters, body: json(ref('InferRequest')) }),
    },
  });
  return {
    '/v2': { get: ask('the server', 'ServerMetadata', { unready: null }) },
    '/v2/health/live': { get: ask('does the server live', 'ServerLive', { unready: null }) },
    '/v2/health/ready': {
      get: ask('is the server ready', 'ServerReady', { unready: json(ref('ServerReady')) }),
    },
    ...model('/v2/models/{name}', name),
    ...model('/v2/models/{name}/versions/{version}', name, version),
  };
}

function operatingPaths(): object {
  const probe = { isOpen: true, unready: json(ref('NotReady')) };
  return {
    '/health/live': {
      get: operation({ ...probe, summary: 'Does it live', answer: json(ref('Live')), unready: null }),
    },
    '/health/ready': {
      get: operation({ ...probe, summary: 'Is a model in service', answer: json(ref('Ready')) }),
    },
    '/metrics': {
      get: operation({ summary: 'Metrics for Prometheus', answer: { 'text/plain': {} }, unready: null }),
    },
    '/openapi.json': {
      get: operation({ summary: 'This description', answer: json({ type: 'object' }), unready: null }),
    },
  };
}

function operation({
  summary,
  answer,
  parameters = [],
  body,
  failure = { 'application/problem+json': { schema: ref('Problem') } },
  unready = failure,
  isOpen = false,
}: Operation): object {
  return {
    summary,
    parameters,
    ...(body && { requestBody: { required: true, content: body } }),
    ...(isOpen && { security: [] }),
    responses: {
      200: { description: 'OK', content: answer },
      '4XX': { description: 'What is wrong with the request', content: failure },
      ...(unready && {
        503: {
          description: `No model is in service yet${body ? ', or too many bodies come in at one time' : ''}`,
          content: unready,
        },
      }),
    },
  };
}

function number(name: string, minimum?: number): object {
  const bound = minimum === undefined ? {} : { minimum };
  return { name, in: 'query', required: true, schema: { type: 'number', ...bound } };
}

function ref(id: string): object {
  return { $ref: `#/components/schemas/${id}` };
}

function json(schema: object): Content {
  return { 'application/json': { schema } };
}

function components(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas))
    if (schema instanceof z.ZodObject || id === 'Integer') registry.add(schema as z.ZodType, { id });
  // As input: keys that are not known are passed over, and answers may get more of them.
  const options = { uri: (id: string) => `#/components/schemas/${id}`, io: 'input' } as const;
  const made = z.toJSONSchema(registry, options).schemas;
  return Object.fromEntries(Object.entries(made).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}
