import type { Handler, MiddlewareHandler } from 'hono';
import type * as z from 'zod';

/**
 * A route, declared once. The Hono app, /openapi.json, the guard's lists of open and unlimited paths, and the answers to
 * wrong methods (405) are all made from these declarations.
 */
export interface Route {
  /** GET answers HEAD, too. */
  method: 'GET' | 'POST';
  /** As Hono writes it: /v2/models/:name. */
  path: string;
  /** Its part of /openapi.json. Routes for the page and for /docs have none: programs should not use them. */
  description?: RouteDescription;
  /** Whether it needs no token, even if TOKEN is set. */
  isOpen?: boolean;
  /** Whether RATE_LIMIT does not apply. */
  isUnlimited?: boolean;
  middleware?: MiddlewareHandler[];
  handler: Handler;
}

/** Schemas by media type: a zod schema with an id, several of which one applies, or none for what JSON Schema cannot describe. */
export type Content = Record<string, z.ZodType | z.ZodType[] | undefined>;

export interface RouteDescription {
  summary: string;
  /** OpenAPI parameter objects, of the query and of the path. */
  parameters?: object[];
  request?: Content;
  response: Content;
  /** The body of a 4xx or 503; problem+json by default. */
  error?: Content;
  /** The body of the 503 while no model is in service; `error` by default, null if the route does not need a model. */
  notReady?: Content | null;
}

/** A JSON body of this schema, or of one of these. */
export function json(...schemas: z.ZodType[]): Content {
  return { 'application/json': schemas.length === 1 ? schemas[0] : schemas };
}
