import * as z from 'zod';
import type { Content, Route, RouteDescription } from '../route.ts';
import { Problem } from '../schemas.ts';

const SCHEMAS = '#/components/schemas/';

/** Describes routes as OpenAPI 3.1. Every zod schema with an id becomes a component. */
export function describeApi(routes: Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { path, method, description, isOpen = false } of routes) {
    if (!description) continue;
    const template = path.replaceAll(/:(\w+)/g, '{$1}');
    paths[template] = {
      ...paths[template],
      [method.toLowerCase()]: describeOperation(description, isOpen),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trading volume',
      version: '1.0.0',
      description: "Predicts a day's trading volume as three quantiles. Unknown keys are ignored.",
    },
    // Relative to the address of this document, which may have a prefix.
    servers: [{ url: '.' }],
    // Without TOKEN no authentication is needed.
    security: [{}, { bearer: [] }],
    paths,
    components: {
      schemas: describeSchemas(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'TOKEN, if it is set' } },
    },
  };
}

function describeOperation(
  {
    summary,
    parameters = [],
    request,
    response,
    error = { 'application/problem+json': Problem },
    notReady = error,
  }: RouteDescription,
  isOpen: boolean,
): object {
  return {
    summary,
    parameters,
    ...(request && { requestBody: { required: true, content: describeContent(request) } }),
    ...(isOpen && { security: [] }),
    responses: {
      200: { description: 'OK', content: describeContent(response) },
      '4XX': { description: 'What is wrong with the request', content: describeContent(error) },
      ...(notReady && {
        503: {
          description: `No model is in service yet${request ? ', or too many bodies are being received' : ''}`,
          content: describeContent(notReady),
        },
      }),
    },
  };
}

function describeContent(content: Content): object {
  return Object.fromEntries(
    Object.entries(content).map(([mediaType, schema]) => {
      if (!schema) return [mediaType, {}];
      return [mediaType, { schema: Array.isArray(schema) ? { oneOf: schema.map(refer) } : refer(schema) }];
    }),
  );
}

/** A reference to a schema that has an id, else the schema itself. */
function refer(schema: z.ZodType): object {
  const id = schema.meta()?.id;
  if (id) return { $ref: SCHEMAS + id };
  const { $schema, ...inline } = z.toJSONSchema(schema, { io: 'input' });
  return inline;
}

function describeSchemas(): object {
  // As input: unknown keys are ignored in requests, and answers may get more keys.
  const options = { uri: (id: string) => SCHEMAS + id, io: 'input' } as const;
  const { schemas } = z.toJSONSchema(z.globalRegistry, options);
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema, $id, id: _, ...schema }]) => [id, schema]),
  );
}
