import { expect, it } from 'vitest';
import * as z from 'zod';
import { MAX_JSON_BYTES, readJson } from '../../../serving/http/body.ts';

const MEBIBYTE = new Uint8Array(2 ** 20).fill(' '.charCodeAt(0));

it('refuses bodies while unfinished ones use all the memory, and accepts them again afterwards', async () => {
  const bodies = Array.from({ length: 16 }, largeBody);
  const reads = bodies.map(({ body }) => expect(read(body)).rejects.toThrow('must be JSON'));
  const ends = await Promise.all(bodies.map(({ held }) => held));
  await expect(read('{}')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  for (const end of ends) end();
  await Promise.all(reads);
  expect(await read('{}')).toEqual({});
});

/**
 * A body of the maximum size that does not end. `held` resolves once a reader has all of it, with a
 * function that ends it.
 */
function largeBody() {
  const { promise: held, resolve } = Promise.withResolvers<() => void>();
  let size = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (size === MAX_JSON_BYTES) return resolve(() => controller.close());
        size += MEBIBYTE.length;
        controller.enqueue(MEBIBYTE);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, held };
}

function read(body: string | ReadableStream<Uint8Array>): Promise<object> {
  const request = new Request('http://a', { method: 'POST', body, duplex: 'half' } as RequestInit);
  return readJson(request, z.object({}), 2 * MAX_JSON_BYTES);
}
