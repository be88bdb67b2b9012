import { RequestError } from '../problem.ts';

/** The largest metadata of a message, in bytes: some thousand columns. */
const MAX_METADATA_BYTES = 2 ** 20;

/** Strings and tables may be named more than once, but not so often that reading them takes this many times their bytes. */
const MOST_REPEATS = 64;

const [SCHEMA, DICTIONARY_BATCH, RECORD_BATCH] = [1, 2, 3];

/**
 * Passes an Arrow IPC stream on, and looks at the metadata of each message first: apache-arrow believes the lengths that
 * stand in it, so that four bytes could make it build a list of two thousand million fields, and take all memory.
 * @throws RequestError 400
 */
export async function* checkMessages(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = input[Symbol.asyncIterator]();
  let held: Uint8Array = Buffer.alloc(0);

  /** Sees to it that something is held, where anything is left. */
  const fill = async (): Promise<boolean> => {
    while (held.length === 0) {
      const { value, done } = await chunks.next();
      if (done) return false;
      held = value;
    }
    return true;
  };

  /** Gives what is held, but no more than this. */
  const cut = (most: number): Uint8Array => {
    const part = held.subarray(0, most);
    held = held.subarray(part.length);
    return part;
  };

  /** Reads so many bytes, or what is left. */
  const take = async (size: number): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for (let due = size; due > 0 && (await fill()); due -= parts.at(-1)?.length ?? 0) parts.push(cut(due));
    return Buffer.concat(parts);
  };

  try {
    for (;;) {
      let prefix = await take(4);
      // Before version 0.15 a message began with its length, now the length comes after -1.
      if (prefix.length === 4 && prefix.readInt32LE() === -1) prefix = Buffer.concat([prefix, await take(4)]);
      yield prefix;
      const length = prefix.length % 4 === 0 && prefix.length > 0 ? prefix.readInt32LE(prefix.length - 4) : 0;
      if (length === 0 || (prefix.length === 4 && length === -1)) break;
      if (length < 0 || length > MAX_METADATA_BYTES)
        throw refuse(`a message's metadata may have ${MAX_METADATA_BYTES} bytes`);
      const metadata = await take(length);
      if (metadata.length < length) throw refuse('was cut short');
      const end = bodyLengthOf(metadata);
      yield metadata;
      for (let due = end; due > 0; ) {
        if (!(await fill())) return;
        const part = cut(due);
        due -= part.length;
        yield part;
      }
    }
  } finally {
    await chunks.return?.();
  }
}

/** The length of the body that follows this metadata, once all that the metadata holds was counted. */
function bodyLengthOf(metadata: Buffer): number {
  try {
    return new Metadata(metadata).check();
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw refuse('has damaged metadata');
  }
}

/** A message as flatbuffers has it (Message.fbs, Schema.fbs): tables of slots, vectors, strings. */
class Metadata {
  readonly #bytes: Buffer;
  #left: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#left = MOST_REPEATS * bytes.length;
  }

  check(): number {
    const message = this.#follow(0);
    const header = this.#slot(message, 2);
    this.#pairs(message, 4);
    const kind = this.#slot(message, 1);
    if (header && kind) this.#header(this.#bytes.readUInt8(kind), this.#follow(header));
    const length = this.#slot(message, 3);
    const bodyLength = length ? Number(this.#bytes.readBigInt64LE(length)) : 0;
    if (bodyLength < 0) throw refuse('has a body of negative length');
    return bodyLength;
  }

  #header(kind: number, header: number): void {
    if (kind === SCHEMA) {
      this.#pairs(header, 2);
      for (const field of this.#tables(header, 1)) this.#field(field);
    } else if (kind === RECORD_BATCH) {
      for (const [slot, size] of [
        [1, 16],
        [2, 16],
        [4, 8],
      ] as const)
        this.#vector(header, slot, size);
    } else if (kind === DICTIONARY_BATCH) throw refuse('holds a dictionary; cast it to float64');
  }

  #field(field: number): void {
    this.#string(field, 0);
    this.#pairs(field, 6);
    for (const child of this.#tables(field, 5)) this.#field(child);
  }

  #pairs(table: number, slot: number): void {
    for (const pair of this.#tables(table, slot)) {
      this.#string(pair, 0);
      this.#string(pair, 1);
    }
  }

  *#tables(table: number, slot: number): Generator<number> {
    const [start, count] = this.#vector(table, slot, 4);
    for (let i = 0; i < count; i++) yield this.#follow(start + 4 * i);
  }

  #string(table: number, slot: number): void {
    this.#vector(table, slot, 1);
  }

  /** Where a vector begins and how many elements it has, which must lie within the metadata. */
  #vector(table: number, slot: number, size: number): [start: number, count: number] {
    const at = this.#slot(table, slot);
    if (at === 0) return [0, 0];
    const start = this.#follow(at) + 4;
    const count = this.#bytes.readInt32LE(start - 4);
    this.#left -= size * count;
    if (count < 0 || start + size * count > this.#bytes.length || this.#left < 0)
      throw refuse('has metadata that states more than it holds');
    return [start, count];
  }

  /** Where a slot of a table lies; 0 where the table has none. */
  #slot(table: number, slot: number): number {
    const shape = table - this.#bytes.readInt32LE(table);
    const at = 4 + 2 * slot;
    const offset = at < this.#bytes.readInt16LE(shape) ? this.#bytes.readInt16LE(shape + at) : 0;
    return offset && table + offset;
  }

  #follow(at: number): number {
    return at + this.#bytes.readInt32LE(at);
  }
}

function refuse(reason: string): RequestError {
  return new RequestError(400, `the Arrow stream: ${reason}`, [{ pointer: '', detail: reason }]);
}
