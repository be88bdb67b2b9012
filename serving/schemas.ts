import * as z from 'zod';

/** Schemas that several routes share. They validate requests, and /openapi.json describes them. */

export const Instance = z
  .object({
    vol_moving_avg: z.number().min(0).describe('Moving average of the volume in shares, >= 0'),
    adj_close_rolling_med: z
      .number()
      .describe("Rolling median of the adjusted close in the price's currency"),
  })
  .meta({ id: 'Instance' });

/** The maximum number of rows in a JSON body. An Arrow stream can have more. */
export const MAX_INSTANCES = 100_000;

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
    in_domain: z
      .boolean()
      .describe('Whether training saw rows like these. If not, p10 and p90 are further apart'),
  })
  .meta({ id: 'Scored' });

/** RFC 9457. */
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

/** A row of a tensor of the shape [N], or [N, 1]. */
export const TensorRow = z.union([z.number(), z.array(z.number())]);

/** The body of errors at /v2. */
export const ProtocolError = z.object({ error: z.string() }).meta({ id: 'ProtocolError' });
