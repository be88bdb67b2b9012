import {
  Field,
  Float64,
  RecordBatchReader,
  Schema,
  Struct,
  Table,
  tableFromArrays,
  tableToIPC,
} from 'apache-arrow';
import { expect, it } from 'vitest';
import { checkMessages } from '../../../serving/arrow/arrow-messages.ts';

const COLUMNS = { vol_moving_avg: Float64Array.of(1, 2, 3), adj_close_rolling_med: Float64Array.of(4, 5, 6) };

it('passes a sound stream on, byte for byte, however it is cut into chunks', async () => {
  const bytes = Buffer.from(tableToIPC(tableFromArrays(COLUMNS), 'stream'));
  for (const size of [1, 7, 64, bytes.length]) expect(await pass(bytes, size)).toEqual(bytes);
});

it('passes batches on that are larger than chunks, and chunks that hold several batches', async () => {
  const column = (from: number) => Float64Array.from({ length: 20_000 }, (_, i) => from + i);
  const [first, second] = [0, 1].map((from) =>
    tableFromArrays({ vol_moving_avg: column(from), adj_close_rolling_med: column(-from) }),
  ) as [Table, Table];
  const bytes = Buffer.from(tableToIPC(first.concat(second), 'stream'));
  expect(bytes.length).toBeGreaterThan(4 * 160_000);
  for (const size of [1_000, 65_536, 70_001, bytes.length])
    expect((await pass(bytes, size)).equals(bytes)).toBe(true);
});

it('passes on metadata of its own, and columns within columns', async () => {
  const inner = new Field('inner', new Float64(), true, new Map([['unit', 'shares']]));
  const schema = new Schema([new Field('outer', new Struct([inner]), true)], new Map([['made', 'by hand']]));
  const bytes = Buffer.from(tableToIPC(new Table(schema), 'stream'));
  const reader = await RecordBatchReader.from(checkMessages(chunksOf(bytes, 5)));
  await reader.open();
  expect(String(reader.schema.fields[0]?.type)).toBe('Struct<{inner:Float64}>');
});

it('refuses metadata that states more fields than it has bytes, in no time', async () => {
  const bytes = Buffer.from(tableToIPC(tableFromArrays(COLUMNS), 'stream'));
  // The count of the fields is the first 2 that is followed by two offsets into what comes after.
  const at = Array.from({ length: 60 }, (_, i) => 8 + 4 * i).find(
    (place) => bytes.readInt32LE(place) === 2 && bytes.readInt32LE(place + 4) > 4,
  ) as number;
  for (const count of [3_000, 2 ** 30, 2 ** 31 - 1, -1]) {
    const lying = Buffer.from(bytes);
    lying.writeInt32LE(count, at);
    await expect(pass(lying, 64)).rejects.toThrow('states more than it holds');
  }
});

it('refuses metadata whose tables hold each other', async () => {
  // A message of a schema of one field that is its own only child.
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
  const prefix = Buffer.alloc(8, -1);
  prefix.writeInt32LE(bytes.length, 4);
  await expect(pass(Buffer.concat([prefix, bytes]), 64)).rejects.toThrow('states more than it holds');
});

async function pass(bytes: Buffer, size: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of checkMessages(chunksOf(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
