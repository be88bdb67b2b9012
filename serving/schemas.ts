import * as z from 'zod';

/** The shapes of bodies; requests are checked by them and /openapi.json is made from them. */

export const VolumeAverage = z.number().min(0).describe('Moving average of the volume in shares, >= 0');
export const PriceMedian = z
  .number()
  .describe("Rolling median of the adjusted close in the price's currency");

export const Instance = z
  .object({ vol_moving_avg: VolumeAverage, adj_close_rolling_med: PriceMedian })
  .meta({ id: 'Instance' });

/** No more rows than this in one JSON batch; an Arrow stream may have more. */
export const MAX_INSTANCES = 100_000;

export const Batch = z
  .object({ instances: z.array(Instance).min(1).max(MAX_INSTANCES) })
  .meta({ id: 'Batch' });

const Shares = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

export const Integer = z
  .int()
  .min(0)
  .describe('Predicted volume in shares, the rounded point')
  .meta({ id: 'Integer' });

export const Scored = z
  .object({
    prediction: Integer,
    p10: Shares,
    p50: Shares,
    p90: Shares,
    in_domain: z.boolean().describe('Whether training saw rows like these'),
  })
  .meta({ id: 'Scored' });

export const Detail = Scored.extend({ model_version: z.string() }).meta({ id: 'Detail' });

export const Predictions = z
  .object({ predictions: z.array(Scored), model_version: z.string() })
  .meta({ id: 'Predictions' });

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    parameter: z.string().optional(),
    errors: z
      .array(
        z.object({ parameter: z.string().optional(), pointer: z.string().optional(), detail: z.string() }),
      )
      .optional(),
  })
  .meta({ id: 'Problem' });

const Parameters = z.record(z.string(), z.unknown());

export const TensorRow = z.union([z.number(), z.array(z.number())]);

export const Tensor = z
  .object({
    name: z.string(),
    shape: z.array(z.int().min(0)).min(1).max(2),
    datatype: z.enum(['FP64', 'FP32']),
    parameters: Parameters.optional(),
    data: z.array(TensorRow).max(MAX_INSTANCES),
  })
  .meta({ id: 'Tensor' });

export const InferRequest = z
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

export const InferResponse = z
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

export const ProtocolError = z.object({ error: z.string() }).meta({ id: 'ProtocolError' });

export const ServerMetadata = z
  .object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .meta({ id: 'ServerMetadata' });

const TensorMetadata = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

export const ModelMetadata = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(TensorMetadata),
    outputs: z.array(TensorMetadata),
  })
  .meta({ id: 'ModelMetadata' });

export const ModelReady = z.object({ name: z.string(), ready: z.boolean() }).meta({ id: 'ModelReady' });

export const ServerLive = z.object({ live: z.boolean() }).meta({ id: 'ServerLive' });

export const ServerReady = z.object({ ready: z.boolean() }).meta({ id: 'ServerReady' });

export const Live = z.object({ status: z.literal('live') }).meta({ id: 'Live' });

export const Ready = z
  .object({
    status: z.literal('ready'),
    model: z.string(),
    refused: z.string().optional().describe('Why another model did not take its place'),
  })
  .meta({ id: 'Ready' });

export const NotReady = z
  .object({ status: z.literal('not ready'), reason: z.string() })
  .meta({ id: 'NotReady' });
