import type { Context, Hono } from 'hono';
import type * as z from 'zod';
import type { Service } from '../champion/service.ts';
import { mediaTypeOf, readJson } from '../http/body.ts';
import { bodyError, RequestError } from '../problem.ts';
import { InferRequest, type Tensor } from '../schemas.ts';
import { currentOf, type Scored, scoreRow } from '../scoring/score-row.ts';

/** The model's name in the Open Inference Protocol. */
export const MODEL_NAME = 'volume';

const INPUTS = ['vol_moving_avg', 'adj_close_rolling_med'] as const;
const OUTPUTS = ['prediction', 'p10', 'p50', 'p90'] as const;

/** Open Inference Protocol v2, REST (KServe, Triton, MLServer): https://github.com/kserve/open-inference-protocol */
export function mountProtocol(app: Hono, service: Service, bodyLimit: number): void {
  app.get('/v2', (context) =>
    context.json({ name: 'stock-market-pipeline', version: '2', extensions: [] as string[] }),
  );
  app.get('/v2/health/live', (context) => context.json({ live: true }));
  app.get('/v2/health/ready', (context) =>
    context.json({ ready: service.current !== undefined }, service.current ? 200 : 503),
  );
  for (const model of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    app.get(model, (context) => {
      const { version } = modelOf(context, service);
      return context.json({
        name: MODEL_NAME,
        versions: [version],
        platform: 'stock-market-pipeline_safetensors',
        inputs: INPUTS.map((name) => ({ name, datatype: 'FP64', shape: [-1] })),
        outputs: OUTPUTS.map((name) => ({ name, datatype: datatypeOf(name), shape: [-1] })),
      });
    });
    app.get(`${model}/ready`, (context) => {
      modelOf(context, service);
      return context.json({ name: MODEL_NAME, ready: true });
    });
    app.post(`${model}/infer`, (context) => infer(context, service, bodyLimit));
  }
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
      `hold ${volMovingAvgs.length} and ${adjCloseRollingMeds.length} rows; give as many of each`,
    );
  const negative = volMovingAvgs.findIndex((volMovingAvg) => volMovingAvg < 0);
  if (negative >= 0) throw bodyError('/inputs', `row ${negative}: vol_moving_avg must not be negative`);
  const names = outputs?.length ? outputs.map(({ name }, index) => outputName(name, index)) : OUTPUTS;
  if (new Set(names).size < names.length) throw bodyError('/outputs', 'ask for one more than once');
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
  if (name !== MODEL_NAME) throw new RequestError(404, `there is no such model; ask for ${MODEL_NAME}`);
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
  if (!tensor) throw bodyError('/inputs', `lack a tensor ${name}`);
  const { shape, data } = tensor;
  const [rows = 0, width = 1] = shape;
  const isNested = data.some(Array.isArray);
  const isSound =
    width === 1 &&
    data.length === rows &&
    (!isNested || (shape.length === 2 && data.every((row) => Array.isArray(row) && row.length === 1)));
  if (!isSound)
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
