import {
  Field,
  Float64,
  RecordBatchReader,
  Schema,
  Struct,
  Table,
  TimestampSecond,
  tableFromArrays,
  tableToIPC,
} from 'apache-arrow';
import { Field as FlatField } from 'apache-arrow/fb/field';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Null } from 'apache-arrow/fb/null';
import { Schema as FlatSchema } from 'apache-arrow/fb/schema';
import { Struct_ } from 'apache-arrow/fb/struct-';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import fc from 'fast-check';
import { Builder } from 'flatbuffers';
import { expect, it } from 'vitest';
import { checkMessages } from '../../../serving/arrow/arrow-messages.ts';
import { RequestError } from '../../../serving/problem.ts';

const COLUMNS = { vol_moving_avg: Float64Array.of(1, 2, 3), adj_close_rolling_med: Float64Array.of(4, 5, 6) };

it('passes a valid stream on byte for byte, in chunks of any size', async () => {
  const bytes = Buffer.from(tableToIPC(tableFromArrays(COLUMNS), 'stream'));
  for (const size of [1, 7, 64, bytes.length]) expect(await pass(bytes, size)).toEqual(bytes);
});

it('passes on batches larger than a chunk, and chunks with several batches', async () => {
  const column = (from: number) => Float64Array.from({ length: 20_000 }, (_, i) => from + i);
  const [first, second] = [0, 1].map((from) =>
    tableFromArrays({ vol_moving_avg: column(from), adj_close_rolling_med: column(-from) }),
  ) as [Table, Table];
  const bytes = Buffer.from(tableToIPC(first.concat(second), 'stream'));
  expect(bytes.length).toBeGreaterThan(4 * 160_000);
  for (const size of [1_000, 65_536, 70_001, bytes.length])
    expect((await pass(bytes, size)).equals(bytes)).toBe(true);
});

it('passes on custom metadata and nested columns', async () => {
  const inner = new Field('inner', new Float64(), true, new Map([['unit', 'shares']]));
  const schema = new Schema([new Field('outer', new Struct([inner]), true)], new Map([['made', 'by hand']]));
  const bytes = Buffer.from(tableToIPC(new Table(schema), 'stream'));
  const reader = await RecordBatchReader.from(checkMessages(chunksOf(bytes, 5)));
  await reader.open();
  expect(String(reader.schema.fields[0]?.type)).toBe('Struct<{inner:Float64}>');
});

it('refuses metadata that states more fields than it has bytes', async () => {
  const bytes = Buffer.from(tableToIPC(tableFromArrays(COLUMNS), 'stream'));
  // The count of the fields is the first 2 that is followed by two offsets into what comes after.
  const at = Array.from({ length: 60 }, (_, i) => 8 + 4 * i).find(
    (place) => bytes.readInt32LE(place) === 2 && bytes.readInt32LE(place + 4) > 4,
  ) as number;
  for (const count of [3_000, 2 ** 30, 2 ** 31 - 1, -1]) {
    const damaged = Buffer.from(bytes);
    damaged.writeInt32LE(count, at);
    await expect(pass(damaged, 64)).rejects.toThrow('counts more elements than it contains');
  }
});

it('refuses a field that is its own child', async () => {
  // A schema with one field, whose only child is itself.
  const [message, field] = [24, 60];
  const bytes = Buffer.alloc(96);
  const table = (at: number, shape: number, slots: number[]) => {
    bytes.writeInt32LE(at - shape, at);
    bytes.writeInt16LE(4 + 2 * slots.length, shape);
    for (const [index, slot] of slots.entries()) bytes.writeInt16LE(slot, shape + 4 + 2 * index);
  };
  bytes.writeInt32LE(message, 0);
  // version, kind, header
  table(message, 4, [0, 8, 12]);
  bytes.writeUInt8(1, message + 8);
  bytes.writeInt32LE(40 - (message + 12), message + 12);
  // endianness, fields
  table(40, 14, [0, 4]);
  bytes.writeInt32LE(48 - 44, 44);
  bytes.writeInt32LE(1, 48);
  bytes.writeInt32LE(field - 52, 52);
  // name, nullable, kind, type, dictionary, children
  table(field, 76, [0, 0, 0, 0, 0, 4]);
  bytes.writeInt32LE(68 - (field + 4), field + 4);
  bytes.writeInt32LE(1, 68);
  bytes.writeInt32LE(field - 72, 72);
  await expect(pass(withPrefix(bytes), 64)).rejects.toThrow('counts more elements than it contains');
});

it('refuses small metadata that would become millions of fields', async () => {
  // 50,000 references to one field, in each of 50 references to its parent.
  const builder = new Builder();
  const child = addField(builder, Type.Null, Null.createNull(builder));
  const children = FlatField.createChildrenVector(builder, Array(50_000).fill(child));
  const parent = addField(builder, Type.Struct_, Struct_.createStruct_(builder), { children });
  const bytes = encodeSchema(builder, Array(50).fill(parent));
  await expect(pass(bytes, 65_536)).rejects.toThrow('counts more elements than it contains');
});

it.each([
  ['name', Type.Null],
  ['time zone', Type.Timestamp],
])('refuses many fields that share a long %s', async (_, type) => {
  const builder = new Builder();
  const text = builder.createString('x'.repeat(100_000));
  const field =
    type === Type.Null
      ? addField(builder, type, Null.createNull(builder), { name: text })
      : addField(builder, type, Timestamp.createTimestamp(builder, 0, text));
  const bytes = encodeSchema(builder, Array(1_000).fill(field));
  await expect(pass(bytes, 65_536)).rejects.toThrow('counts more elements than it contains');
});

it('reads or refuses metadata with random bytes in it', async () => {
  const inner = new Field('inner', new TimestampSecond('UTC'), true, new Map([['unit', 's']]));
  const schema = new Schema([new Field('outer', new Struct([inner]), true)]);
  const bytes = Buffer.from(tableToIPC(new Table(schema), 'stream'));
  const length = bytes.readInt32LE(4);
  const offset = fc.integer({ min: 0, max: length / 4 - 1 });
  const value = fc.oneof(fc.integer(), fc.integer({ min: -length, max: length }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(offset, value), { minLength: 1, maxLength: 4 }), async (changes) => {
      const damaged = Buffer.from(bytes);
      for (const [at, word] of changes) damaged.writeInt32LE(word, 8 + 4 * at);
      await pass(damaged, 64).catch((error) => expect(error).toBeInstanceOf(RequestError));
      await RecordBatchReader.from(checkMessages(chunksOf(damaged, 64)))
        .then((reader) => reader.open())
        .catch(() => undefined);
    }),
    { numRuns: 2_000 },
  );
});

function addField(builder: Builder, typeType: Type, type: number, { name = 0, children = 0 } = {}): number {
  FlatField.startField(builder);
  FlatField.addTypeType(builder, typeType);
  FlatField.addType(builder, type);
  if (name) FlatField.addName(builder, name);
  if (children) FlatField.addChildren(builder, children);
  return FlatField.endField(builder);
}

/** A schema message with these fields. */
function encodeSchema(builder: Builder, fields: number[]): Buffer {
  const schema = FlatSchema.createSchema(builder, 0, FlatSchema.createFieldsVector(builder, fields), 0, 0);
  builder.finish(Message.createMessage(builder, MetadataVersion.V5, MessageHeader.Schema, schema, 0n, 0));
  return withPrefix(Buffer.from(builder.asUint8Array()));
}

function withPrefix(metadata: Buffer): Buffer {
  const prefix = Buffer.alloc(8, -1);
  prefix.writeInt32LE(metadata.length, 4);
  return Buffer.concat([prefix, metadata]);
}

async function pass(bytes: Buffer, size: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of checkMessages(chunksOf(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
