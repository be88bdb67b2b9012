import type { Context } from 'hono';
import * as z from 'zod';
import { mediaTypeOf, readJson } from '../http/body.ts';
import { bodyError, RequestError } from '../problem.ts';
import { type Content, json, type Route, type RouteDescription } from '../route.ts';
import { MAX_INSTANCES, ProtocolError, TensorRow } from '../schemas.ts';
import { currentOf, type Scored, scoreRow } from '../scoring/score-row.ts';
import type { Service } from '../scoring/service.ts';

/** The model's name in the Open Inference Protocol. */
const MODEL_NAME = 'volume';

const Parameters = z.record(z.string(), z.unknown());

const Tensor = z
  .object({
    name: z.string(),
    shape: z.array(z.int().min(0)).min(1).max(2),
    datatype: z.enum(['FP64', 'FP32']),
    parameters: Parameters.optional(),
    data: z.array(TensorRow).max(MAX_INSTANCES),
  })
  .meta({ id: 'Tensor' });

const InferRequest = z
  .object({
    id: z.string().optional(),
    parameters: Parameters.optional(),
    inputs: z.array(Tensor).length(2),
    outputs: z
      .array(z.object({ name: z.string(), parameters: Parameters.optional() }))
      .max(4)
      .optional(),
  })
  .meta({ id: 'InferRequest' });

const InferResponse = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    outputs: z.array(
      z.object({
        name: z.string(),
        shape: z.array(z.int()),
        datatype: z.enum(['INT64', 'FP64']),
        data: z.array(z.number()),
      }),
    ),
  })
  .meta({ id: 'InferResponse' });

const ServerMetadata = z
  .object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .meta({ id: 'ServerMetadata' });

const TensorMetadata = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

const ModelMetadata = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(TensorMetadata),
    outputs: z.array(TensorMetadata),
  })
  .meta({ id: 'ModelMetadata' });

const ModelReady = z.object({ name: z.string(), ready: z.boolean() }).meta({ id: 'ModelReady' });

const ServerLive = z.object({ live: z.boolean() }).meta({ id: 'ServerLive' });

const ServerReady = z.object({ ready: z.boolean() }).meta({ id: 'ServerReady' });

const INPUTS = ['vol_moving_avg', 'adj_close_rolling_med'] as const;
const OUTPUTS = ['prediction', 'p10', 'p50', 'p90'] as const;

/**
 * Open Inference Protocol v2, REST (KServe, Triton, MLServer):
 * https://github.com/kserve/open-inference-protocol
 */
export function protocolRoutes(service: Service, bodyLimit: number): Route[] {
  const name = { name: 'name', in: 'path', required: true, schema: { const: MODEL_NAME } };
  const version = { name: 'version', in: 'path', required: true, schema: { type: 'string' } };
  return [
    ...serverRoutes(service),
    ...modelRoutes('/v2/models/:name', [name], service, bodyLimit),
    ...modelRoutes('/v2/models/:name/versions/:version', [name, version], service, bodyLimit),
  ];
}

function serverRoutes(service: Service): Route[] {
  return [
    {
      method: 'GET',
      path: '/v2',
      description: describeProtocol('the server', json(ServerMetadata), { notReady: null }),
      handler: (context) =>
        context.json({ name: 'stock-market-pipeline', version: '2', extensions: [] as string[] }),
    },
    {
      method: 'GET',
      path: '/v2/health/live',
      description: describeProtocol('does the server live', json(ServerLive), { notReady: null }),
      isUnlimited: true,
      handler: (context) => context.json({ live: true }),
    },
    {
      method: 'GET',
      path: '/v2/health/ready',
      description: describeProtocol('is the server ready', json(ServerReady), {
        notReady: json(ServerReady),
      }),
      isUnlimited: true,
      handler: (context) =>
        service.current
          ? context.json({ ready: true })
          : context.json({ ready: false }, 503, { 'retry-after': '2' }),
    },
  ];
}

/** @param path of the model, with or without its version */
function modelRoutes(path: string, parameters: object[], service: Service, bodyLimit: number): Route[] {
  return [
    {
      method: 'GET',
      path,
      description: describeProtocol('the model', json(ModelMetadata), { parameters }),
      handler: (context) => {
        const { version } = modelOf(context, service);
        return context.json({
          name: MODEL_NAME,
          versions: [version],
          platform: 'stock-market-pipeline_safetensors',
          inputs: INPUTS.map((name) => ({ name, datatype: 'FP64', shape: [-1] })),
          outputs: OUTPUTS.map((name) => ({ name, datatype: datatypeOf(name), shape: [-1] })),
        });
      },
    },
    {
      method: 'GET',
      path: `${path}/ready`,
      description: describeProtocol('is the model ready', json(ModelReady), { parameters }),
      handler: (context) => {
        modelOf(context, service);
        return context.json({ name: MODEL_NAME, ready: true });
      },
    },
    {
      method: 'POST',
      path: `${path}/infer`,
      description: describeProtocol('infer', json(InferResponse), {
        parameters,
        request: json(InferRequest),
      }),
      handler: (context) => infer(context, service, bodyLimit),
    },
  ];
}

function describeProtocol(
  summary: string,
  response: Content,
  more: Partial<RouteDescription>,
): RouteDescription {
  return { summary: `Open Inference Protocol: ${summary}`, response, error: json(ProtocolError), ...more };
}

async function infer(context: Context, service: Service, bodyLimit: number): Promise<Response> {
  modelOf(context, service);
  if (context.req.header('inference-header-content-length') !== undefined)
    throw new RequestError(400, 'the binary extension is not supported; send the tensors as JSON');
  // Triton's client sends no content type with JSON tensors.
  if (!['', 'application/json'].includes(mediaTypeOf(context.req.raw)))
    throw new RequestError(415, 'infer takes application/json');
  const { id, inputs, outputs } = await readJson(context.req.raw, InferRequest, bodyLimit);
  const current = modelOf(context, service);
  const [volMovingAvgs, adjCloseRollingMeds] = INPUTS.map((name) => readTensor(inputs, name)) as [
    number[],
    number[],
  ];
  if (volMovingAvgs.length !== adjCloseRollingMeds.length)
    throw bodyError(
      '/inputs',
      `has tensors of ${volMovingAvgs.length} and ${adjCloseRollingMeds.length} rows; send the same number of rows for each`,
    );
  const negative = volMovingAvgs.findIndex((volMovingAvg) => volMovingAvg < 0);
  if (negative >= 0) throw bodyError('/inputs', `row ${negative}: vol_moving_avg must not be negative`);
  const names = outputs?.length ? outputs.map(({ name }, index) => outputName(name, index)) : OUTPUTS;
  if (new Set(names).size < names.length) throw bodyError('/outputs', 'lists an output twice');
  const rows = volMovingAvgs.map((volMovingAvg, row) =>
    scoreRow(service, current, volMovingAvg, adjCloseRollingMeds[row] as number),
  );
  service.succeed?.();
  context.header('X-Model-Version', current.version);
  return context.json({
    model_name: MODEL_NAME,
    model_version: current.version,
    ...(id !== undefined && { id }),
    outputs: names.map((name) => ({
      name,
      shape: [rows.length],
      datatype: datatypeOf(name),
      data: rows.map((row: Scored) => row[name]),
    })),
  });
}

function modelOf(context: Context, service: Service) {
  const { name, version } = context.req.param();
  if (name !== MODEL_NAME) throw new RequestError(404, `there is no such model; the model is ${MODEL_NAME}`);
  const current = currentOf(service);
  if (version !== undefined && version !== current.version)
    throw new RequestError(
      404,
      `there is no such version of ${MODEL_NAME}; ${current.version} is in service`,
    );
  return current;
}

function readTensor(inputs: z.infer<typeof Tensor>[], name: string): number[] {
  const index = inputs.findIndex((input) => input.name === name);
  const tensor = inputs[index];
  if (!tensor) throw bodyError('/inputs', `has no tensor ${name}`);
  const { shape, data } = tensor;
  const [rows = 0, width = 1] = shape;
  const isNested = data.some(Array.isArray);
  const isValid =
    width === 1 &&
    data.length === rows &&
    (!isNested || (shape.length === 2 && data.every((row) => Array.isArray(row) && row.length === 1)));
  if (!isValid)
    throw bodyError(`/inputs/${index}/data`, `does not have the shape [N] or [N, 1] that it states`);
  return data.flat();
}

function outputName(name: string, index: number): (typeof OUTPUTS)[number] {
  const found = OUTPUTS.find((output) => output === name);
  if (!found) throw bodyError(`/outputs/${index}/name`, `is none of ${OUTPUTS.join(', ')}`);
  return found;
}

function datatypeOf(name: string): 'INT64' | 'FP64' {
  return name === 'prediction' ? 'INT64' : 'FP64';
}
