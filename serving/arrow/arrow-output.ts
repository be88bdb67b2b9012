import {
  Bool,
  Field,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  vectorFromArray,
} from 'apache-arrow';
import type { Scored } from '../scoring/score-row.ts';

const FIELDS = [
  new Field('prediction', new Int64(), true),
  ...['p10', 'p50', 'p90'].map((name) => new Field(name, new Float64(), true)),
  new Field('in_domain', new Bool(), true),
];
const SCHEMA = new Schema(FIELDS);

export const END_OF_STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** The first message of a stream of predictions. */
export const SCHEMA_MESSAGE = encode(makeBatch([])).subarray(0, schemaMessageLength());

/** Encodes rows as one record batch message; null becomes a row of nulls. */
export function encodeRows(rows: (Scored | null)[]): Uint8Array {
  return encode(makeBatch(rows)).subarray(SCHEMA_MESSAGE.length, -END_OF_STREAM.length);
}

function makeBatch(rows: (Scored | null)[]): RecordBatch {
  const columns = [
    vectorFromArray(
      rows.map((row) => row && BigInt(row.prediction)),
      new Int64(),
    ),
    ...(['p10', 'p50', 'p90'] as const).map((name) =>
      vectorFromArray(
        rows.map((row) => row?.[name] ?? null),
        new Float64(),
      ),
    ),
    vectorFromArray(
      rows.map((row) => row?.in_domain ?? null),
      new Bool(),
    ),
  ];
  const children = columns.map((column, index) => {
    const type = FIELDS[index]?.type as Int64;
    return column.data[0] ?? makeData({ type, length: 0 });
  });
  return new RecordBatch(
    SCHEMA,
    makeData({ type: new Struct(FIELDS), length: rows.length, nullCount: 0, children }),
  );
}

function encode(batch: RecordBatch): Buffer {
  return Buffer.from(RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true));
}

/** A continuation, the length of the metadata, the metadata; there is no body. */
function schemaMessageLength(): number {
  return 8 + encode(makeBatch([])).readInt32LE(4);
}
