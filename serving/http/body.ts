import type * as z from 'zod';
import { bodyError, type FieldError, RequestError } from '../problem.ts';
import { Instance, MAX_INSTANCES, TensorRow } from '../schemas.ts';

/** The largest JSON body, in bytes. */
export const MAX_JSON_BYTES = 16 * 2 ** 20;

/** Maximum bytes of all JSON bodies that are being read at one time. */
const MAX_HELD_BYTES = 16 * MAX_JSON_BYTES;
let heldBytes = 0;

/** Maximum number of fieldErrors in an answer. */
const MAX_FIELD_ERRORS = 20;

/** The schema of a row, by the name of the list. */
const ROW_SCHEMAS = new Map<string, z.ZodType>([
  ['instances', Instance],
  ['data', TensorRow],
]);
/** Other lists of a valid body are not longer or deeper than this. */
const MAX_LIST = 4;
const MAX_DEPTH = 3;

/**
 * The media type of a request without its parameters, in lower case.
 * @throws RequestError 415 if the body is compressed
 */
export function mediaTypeOf(request: Request): string {
  const coding = request.headers.get('content-encoding') ?? 'identity';
  if (coding.toLowerCase() !== 'identity')
    throw new RequestError(
      415,
      `the body has Content-Encoding ${coding.slice(0, 40)}; send it without one`,
      [],
      { 'accept-encoding': 'identity' },
    );
  return (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a JSON body of this schema.
 * @throws RequestError 400, 413; 503 while too many others are being read
 */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
  limit: number,
): Promise<z.infer<T>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(request, limit)));
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw bodyError('', 'must be JSON in UTF-8');
  }
  // zod would check a list element by element, which takes seconds and gigabytes.
  if (typeof value !== 'object' || Array.isArray(value)) throw bodyError('', 'must be an object');
  const result = schema.safeParse(truncate(value));
  if (result.success) return result.data;
  const fieldErrors = result.error.issues.slice(0, MAX_FIELD_ERRORS).map(
    ({ path, message }): FieldError => ({
      pointer: path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: message,
    }),
  );
  throw new RequestError(
    400,
    `${fieldErrors[0]?.pointer || 'the body'}: ${fieldErrors[0]?.detail}`,
    fieldErrors,
  );
}

/** The chunks of a body as they arrive. @throws RequestError 413 once they exceed the limit */
export async function* readChunks(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > limit) throw new RequestError(413, `the body is over ${limit} bytes; send it in parts`);
    yield chunk;
  }
}

/** A whole body. @throws RequestError 413, 503 while too many others are being received */
export async function readBytes(request: Request, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of readChunks(request.body, limit)) {
      size += chunk.length;
      heldBytes += chunk.length;
      if (size > MAX_JSON_BYTES)
        throw new RequestError(
          413,
          `a JSON body can have at most ${MAX_JSON_BYTES} bytes; send an Arrow stream`,
        );
      if (heldBytes > MAX_HELD_BYTES)
        throw new RequestError(503, 'too many large bodies are being received; try again later', [], {
          'retry-after': '1',
        });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    heldBytes -= size;
  }
}

/**
 * Shortens the lists of a body for zod, which reports every wrong element: with millions that takes
 * seconds and gigabytes. Lists of rows end after MAX_FIELD_ERRORS wrong ones, other lists after one
 * element too many.
 */
function truncate(value: unknown, name = '', depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (!Array.isArray(value)) {
    const inner = Object.entries(value).map(([key, inner]) => [key, truncate(inner, key, depth + 1)]);
    return Object.fromEntries(inner);
  }
  if (value.length > MAX_INSTANCES)
    throw new RequestError(413, `${name.slice(0, 40)} can have at most ${MAX_INSTANCES} elements`);
  const row = ROW_SCHEMAS.get(name);
  if (!row) return firstElements(value).map((inner) => truncate(inner, '', depth + 1));
  let wrong = 0;
  const last = value.findIndex(
    (inner) => !row.safeParse(firstElements(inner)).success && ++wrong === MAX_FIELD_ERRORS,
  );
  return (last < 0 ? value : value.slice(0, last + 1)).map(firstElements);
}

function firstElements<T>(value: T): T {
  return Array.isArray(value) ? (value.slice(0, MAX_LIST + 1) as T) : value;
}
