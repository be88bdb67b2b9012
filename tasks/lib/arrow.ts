import { DuckDBTypeId } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import {
  type Data,
  Field,
  Float32,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
} from 'apache-arrow';
import { type Database, QueryError } from './duckdb.ts';

const TYPES = {
  [DuckDBTypeId.FLOAT]: { arrow: new Float32(), array: Float32Array },
  [DuckDBTypeId.DOUBLE]: { arrow: new Float64(), array: Float64Array },
  [DuckDBTypeId.INTEGER]: { arrow: new Int32(), array: Int32Array },
};

/**
 * The result of a query as an Arrow table. Its columns must be FLOAT, DOUBLE or INTEGER; NULL stays
 * null. Copies whole vectors of 2,048 values, which is faster than value by value.
 * @throws QueryError
 */
export async function readArrowTable(sql: string, { connection }: Database): Promise<Table> {
  try {
    const result = await connection.stream(sql);
    const columns = result.columnNames().map((name, index) => {
      const type = TYPES[result.columnTypeId(index) as keyof typeof TYPES];
      if (!type)
        throw new Error(`column ${name} is ${result.columnType(index)}; cast it to FLOAT, DOUBLE or INTEGER`);
      return { name, ...type };
    });
    const schema = new Schema(columns.map(({ name, arrow }) => new Field(name, arrow, true)));
    const batches: RecordBatch[] = [];
    for await (const { chunk, rowCount: length } of result) {
      const children = columns.map(({ arrow, array }, index): Data => {
        const vector = duckdb.data_chunk_get_vector(chunk, index);
        const bytes = new Uint8Array(duckdb.vector_get_data(vector, length * array.BYTES_PER_ELEMENT));
        const nullBitmap = duckdb.vector_get_validity(vector, Math.ceil(length / 64) * 8);
        const data = new array(bytes.buffer);
        return makeData({
          type: arrow,
          length,
          data,
          nullBitmap: nullBitmap && new Uint8Array(nullBitmap),
        } as never);
      });
      batches.push(new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, children })));
    }
    return new Table(schema, batches);
  } catch (cause) {
    throw new QueryError(sql, cause);
  }
}

/** One column of a table as a typed array. */
export function typedColumn<Values extends Float32Array | Float64Array | Int32Array>(
  table: Table,
  name: string,
): Values {
  return table.getChild(name)?.toArray() as Values;
}
