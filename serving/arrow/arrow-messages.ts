import type { Field } from 'apache-arrow/fb/field';
import type { KeyValue } from 'apache-arrow/fb/key-value';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import { Union } from 'apache-arrow/fb/union';
import { ByteBuffer, Encoding } from 'flatbuffers';
import { RequestError } from '../problem.ts';

/** Enough for some thousand columns. */
const MAX_METADATA_BYTES = 2 ** 20;

/** Metadata may refer to the same bytes more than once. Reads may add up to this times its size. */
const MAX_READ_PER_BYTE = 64;

/** What apache-arrow makes of a field or of a key and its value takes about half as many bytes. */
const FIELD_BYTES = 512;
const KEY_VALUE_BYTES = 128;

/** What a message begins with. Before version 0.15 it began with the length of its metadata. */
const CONTINUATION = -1;

/**
 * Passes an Arrow IPC stream on unchanged, after checking the metadata of each message.
 * apache-arrow trusts the counts in it: with four bytes a client could make it build a list of two
 * billion fields and use up all memory.
 * @throws RequestError 400
 */
export async function* checkMessages(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ChunkReader(input);
  try {
    for (;;) {
      const { prefix, length } = await readPrefix(reader);
      yield prefix;
      if (length === 0) break;
      if (length < 0 || length > MAX_METADATA_BYTES)
        throw arrowError(
          `the metadata of a message may have at most ${MAX_METADATA_BYTES} bytes, not ${length}`,
        );
      const metadata = await reader.read(length);
      if (metadata.length < length) throw arrowError('truncated inside the metadata of a message');
      const bodyLength = checkMetadata(metadata);
      yield metadata;
      for (let rest = bodyLength; rest > 0; ) {
        const bytes = await reader.readSome(rest);
        if (bytes.length === 0) return;
        rest -= bytes.length;
        yield bytes;
      }
    }
  } finally {
    await reader.close();
  }
}

/** @param pointer to the column or row, as a JSON pointer */
export function arrowError(reason: string, pointer = ''): RequestError {
  return new RequestError(400, `the Arrow stream: ${reason}`, [{ pointer, detail: reason }]);
}

/** A message's first bytes, and the length of its metadata: 0 at the end of the stream. */
async function readPrefix(reader: ChunkReader): Promise<{ prefix: Buffer; length: number }> {
  const first = await reader.read(4);
  const isLength = first.length === 4 && first.readInt32LE() !== CONTINUATION;
  if (isLength || first.length < 4) return { prefix: first, length: isLength ? first.readInt32LE() : 0 };
  const second = await reader.read(4);
  const length = second.length === 4 ? second.readInt32LE() : 0;
  return { prefix: Buffer.concat([first, second]), length };
}

/** Reads chunks in pieces of another size. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #unread: Uint8Array = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `max`; none at the end. */
  async readSome(max: number): Promise<Uint8Array> {
    while (this.#unread.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done) break;
      this.#unread = value;
    }
    const bytes = this.#unread.subarray(0, max);
    this.#unread = this.#unread.subarray(bytes.length);
    return bytes;
  }

  /** The next `size` bytes; fewer at the end. */
  async read(size: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for (let rest = size; rest > 0; ) {
      const bytes = await this.readSome(rest);
      if (bytes.length === 0) break;
      rest -= bytes.length;
      pieces.push(bytes);
    }
    return Buffer.concat(pieces);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/**
 * Counts everything that apache-arrow would read from a message's metadata.
 * @returns the length of the body that follows it, in bytes
 */
function checkMetadata(metadata: Buffer): number {
  const message = Message.getRootAsMessage(new ByteBuffer(metadata));
  const budget = new ReadBudget(metadata.length);
  try {
    checkKeyValues(message, budget);
    checkHeader(message, budget);
  } catch (error) {
    if (error instanceof RangeError) throw arrowError('columns are nested too deeply');
    throw error;
  }
  const bodyLength = Number(message.bodyLength());
  if (bodyLength < 0) throw arrowError('the body of a message has a negative length');
  return bodyLength;
}

function checkHeader(message: Message, budget: ReadBudget): void {
  const type = message.headerType();
  if (type === MessageHeader.DictionaryBatch)
    throw arrowError('dictionaries are not supported; cast the column to float64');
  if (type === MessageHeader.Schema) {
    const schema: Schema | null = message.header(new Schema());
    if (!schema) return;
    checkKeyValues(schema, budget);
    checkFields(schema.fieldsLength(), (index) => schema.fields(index), budget);
  } else if (type === MessageHeader.RecordBatch) {
    const batch: RecordBatch | null = message.header(new RecordBatch());
    budget.take(batch?.nodesLength(), 16);
    budget.take(batch?.buffersLength(), 16);
    budget.take(batch?.variadicBufferCountsLength(), 8);
  }
}

function checkFields(count: number, fieldAt: (index: number) => Field | null, budget: ReadBudget): void {
  budget.take(count, 4, FIELD_BYTES);
  for (let index = 0; index < count; index++) {
    const field = fieldAt(index);
    if (!field) continue;
    budget.take(field.name(Encoding.UTF8_BYTES)?.length);
    if (field.typeType() === Type.Timestamp)
      budget.take(field.type(new Timestamp())?.timezone(Encoding.UTF8_BYTES)?.length);
    if (field.typeType() === Type.Union) budget.take(field.type(new Union())?.typeIdsLength(), 4);
    checkKeyValues(field, budget);
    checkFields(field.childrenLength(), (child) => field.children(child), budget);
  }
}

interface WithKeyValues {
  customMetadataLength(): number;
  customMetadata(index: number): KeyValue | null;
}

function checkKeyValues(table: WithKeyValues, budget: ReadBudget): void {
  const count = table.customMetadataLength();
  budget.take(count, 4, KEY_VALUE_BYTES);
  for (let index = 0; index < count; index++) {
    const entry = table.customMetadata(index);
    budget.take(entry?.key(Encoding.UTF8_BYTES)?.length);
    budget.take(entry?.value(Encoding.UTF8_BYTES)?.length);
  }
}

/**
 * How much apache-arrow may still read from the metadata. The readers of flatbuffers never leave
 * the buffer: outside it they read zeros, and a string ends where the buffer does. But a count can
 * be anything, and tables can contain each other.
 */
class ReadBudget {
  readonly #size: number;
  #left: number;

  constructor(size: number) {
    this.#size = size;
    this.#left = MAX_READ_PER_BYTE * size;
  }

  /**
   * Counts the elements of a vector, or the bytes of a string.
   * @param bytes of an element in the metadata @param heapBytes of an element once it is read
   */
  take(count = 0, bytes = 1, heapBytes = bytes): void {
    this.#left -= count * heapBytes;
    if (count < 0 || count * bytes > this.#size || this.#left < 0)
      throw arrowError('the metadata counts more elements than it contains');
  }
}
