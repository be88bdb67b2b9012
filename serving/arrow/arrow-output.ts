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

/** The end-of-stream marker of the format. */
export const END = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** What a stream of predictions begins with: its schema. */
export const HEAD = encode(batchOf([])).subarray(0, headLength());

/** Rows as one record batch message; null is a row of nulls. */
export function encodeRows(rows: (Scored | null)[]): Uint8Array {
  return encode(batchOf(rows)).subarray(HEAD.length, -END.length);
}

function batchOf(rows: (Scored | null)[]): RecordBatch {
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

/** The schema message: continuation, the length of its metadata, the metadata; it has no body. */
function headLength(): number {
  return 8 + encode(batchOf([])).readInt32LE(4);
}
