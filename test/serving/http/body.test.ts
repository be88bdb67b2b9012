import { expect, it } from 'vitest';
import * as z from 'zod';
import { MAX_JSON_BYTES, readJson } from '../../../serving/http/body.ts';

const MEBIBYTE = new Uint8Array(2 ** 20).fill(' '.charCodeAt(0));

it('refuses bodies while unfinished ones hold the memory, and accepts them again afterwards', async () => {
  const bodies = Array.from({ length: 16 }, largeBody);
  const reads = bodies.map(({ body }) => expect(read(body)).rejects.toThrow('must be JSON'));
  const ends = await Promise.all(bodies.map(({ held }) => held));
  await expect(read('{}')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  for (const end of ends) end();
  await Promise.all(reads);
  expect(await read('{}')).toEqual({});
});

/** As many blanks as a body may have bytes, and no end; gives what ends it, once somebody holds all and asks for more. */
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
