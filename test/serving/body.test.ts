import { expect, it } from 'vitest';
import * as z from 'zod';
import { MAX_JSON_BYTES, readJson } from '../../serving/body.ts';

const MEBIBYTE = new Uint8Array(2 ** 20).fill(' '.charCodeAt(0));

it('turns bodies away while others that are not whole yet hold the memory, and takes them again after that', async () => {
  const ends: (() => void)[] = [];
  const reads = Array.from({ length: 16 }, () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let size = MEBIBYTE.length; size <= MAX_JSON_BYTES; size += MEBIBYTE.length)
          controller.enqueue(MEBIBYTE);
        ends.push(() => controller.close());
      },
    });
    return expect(read(body)).rejects.toThrow('must be JSON');
  });
  // All that was enqueued is read before this is over.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await expect(read('{}')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  for (const end of ends) end();
  await Promise.all(reads);
  expect(await read('{}')).toEqual({});
});

function read(body: string | ReadableStream<Uint8Array>): Promise<object> {
  const request = new Request('http://a', { method: 'POST', body, duplex: 'half' } as RequestInit);
  return readJson(request, z.object({}), 2 * MAX_JSON_BYTES);
}
