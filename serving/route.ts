import type { Handler, MiddlewareHandler } from 'hono';
import type * as z from 'zod';

/**
 * A route, declared once. The app, /openapi.json, the guard, the answers to wrong methods (405) and
 * the metrics all follow from this declaration.
 */
export interface Route {
  /** GET answers HEAD, too. */
  method: 'GET' | 'POST';
  /** As Hono writes it: /v2/models/:name. */
  path: string;
  /** Its part of /openapi.json. Routes of the page and of /docs have none. */
  description?: RouteDescription;
  /** Whether it needs no token, even if TOKEN is set. */
  isOpen?: boolean;
  /** Whether RATE_LIMIT does not apply. */
  isUnlimited?: boolean;
  middleware?: MiddlewareHandler[];
  handler: Handler;
}

/**
 * Schemas by media type. If there are several, one of them applies; undefined is for a format that
 * JSON Schema cannot describe.
 */
export type Content = Record<string, z.ZodType | z.ZodType[] | undefined>;

export interface RouteDescription {
  summary: string;
  /** OpenAPI parameter objects, of the query and of the path. */
  parameters?: object[];
  request?: Content;
  response: Content;
  /** The body of a 4xx or 503; problem+json by default. */
  error?: Content;
  /** The body of a 503 without a model; `error` by default, null if no model is needed. */
  notReady?: Content | null;
}

/** A JSON body of this schema, or of one of these. */
export function json(...schemas: z.ZodType[]): Content {
  return { 'application/json': schemas.length === 1 ? schemas[0] : schemas };
}
