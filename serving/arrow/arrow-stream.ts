import { setImmediate } from 'node:timers/promises';
import { type RecordBatch, RecordBatchReader, type Schema, type Vector } from 'apache-arrow';
import { RequestError } from '../problem.ts';
import { type Scored, scoreRow } from '../scoring/score-row.ts';
import type { InService, Service } from '../scoring/service.ts';
import { arrowError, checkMessages } from './arrow-messages.ts';
import { END_OF_STREAM, encodeRows, SCHEMA_MESSAGE } from './arrow-output.ts';

/** The largest record batch, in bytes. A stream may have any number of them. */
export const MAX_BATCH_BYTES = 32 * 2 ** 20;

/** Other requests get their turn after this many rows. */
const ROWS_PER_TURN = 16_384;

const NUMERIC = /^(Float(32|64)|U?[Ii]nt(8|16|32|64))$/;

/**
 * Scores an Arrow IPC stream while it is being received. A row with a null input gives a row of
 * nulls.
 * @param onLateError receives an error that happens after the answer has begun. It must end the
 * answer, or throw; then the returned stream fails with that error
 * @throws RequestError for what is wrong before the first rows
 */
export async function scoreStream(
  input: AsyncIterable<Uint8Array>,
  service: Service,
  current: InService,
  onLateError: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const chunks = scoreBatches(input, service, current);
  const first = await chunks.next();
  let isFirst = true;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = isFirst ? first : await chunks.next();
          isFirst = false;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          onLateError(error);
        }
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* scoreBatches(
  input: AsyncIterable<Uint8Array>,
  service: Service,
  current: InService,
): AsyncGenerator<Uint8Array, undefined> {
  const received = { batchBytes: 0, tail: Buffer.alloc(0) };
  let isStarted = false;
  let rows = 0;
  try {
    const reader = await RecordBatchReader.from(checkMessages(trackInput(input, received)));
    await reader.open();
    checkSchema(reader.schema);
    for await (const batch of reader as AsyncIterable<RecordBatch>) {
      received.batchBytes = 0;
      for (const message of scoreBatch(batch, rows, service, current)) {
        yield isStarted ? message : Buffer.concat([SCHEMA_MESSAGE, message]);
        isStarted = true;
        await setImmediate();
      }
      rows += batch.numRows;
    }
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw arrowError(`not a valid Arrow IPC stream: ${(error as Error).message.slice(0, 200)}`);
  }
  if (!received.tail.equals(END_OF_STREAM))
    throw arrowError('truncated: it does not end with the end-of-stream marker');
  service.succeed?.();
  yield isStarted ? END_OF_STREAM : Buffer.concat([SCHEMA_MESSAGE, END_OF_STREAM]);
}

/**
 * Yields a record batch message for each ROWS_PER_TURN rows.
 * @param firstRow the index of the batch's first row in the stream
 */
function* scoreBatch(
  batch: RecordBatch,
  firstRow: number,
  service: Service,
  current: InService,
): Generator<Uint8Array> {
  const volMovingAvgs = batch.getChild('vol_moving_avg') as Vector;
  const adjCloseRollingMeds = batch.getChild('adj_close_rolling_med') as Vector;
  for (const column of [volMovingAvgs, adjCloseRollingMeds]) {
    const values = column.data[0]?.values?.length ?? 0;
    if (column.length !== batch.numRows || values < batch.numRows)
      throw arrowError(`row ${firstRow}: a column has fewer values than its record batch states`);
  }
  for (let start = 0; start < batch.numRows; start += ROWS_PER_TURN) {
    const scored: (Scored | null)[] = [];
    for (let i = start; i < Math.min(start + ROWS_PER_TURN, batch.numRows); i++) {
      const volMovingAvg = readInput(volMovingAvgs, i, firstRow + i, 'vol_moving_avg');
      const adjCloseRollingMed = readInput(adjCloseRollingMeds, i, firstRow + i, 'adj_close_rolling_med');
      scored.push(
        volMovingAvg === null || adjCloseRollingMed === null
          ? null
          : scoreRow(service, current, volMovingAvg, adjCloseRollingMed),
      );
    }
    yield encodeRows(scored);
  }
}

/** Passes the input on. Counts the bytes since the last record batch and keeps the last 8. */
async function* trackInput(
  input: AsyncIterable<Uint8Array>,
  received: { batchBytes: number; tail: Buffer },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    received.batchBytes += chunk.length;
    if (received.batchBytes > MAX_BATCH_BYTES)
      throw new RequestError(
        413,
        `a record batch may have at most ${MAX_BATCH_BYTES} bytes; send smaller batches`,
      );
    received.tail = Buffer.concat([received.tail, chunk.subarray(-8)]).subarray(-8);
    yield chunk;
  }
}

function checkSchema(schema: Schema | undefined): void {
  if (schema === undefined) throw arrowError('there is no schema');
  for (const name of ['vol_moving_avg', 'adj_close_rolling_med']) {
    const [field, second] = schema.fields.filter((field) => field.name === name);
    if (!field) throw arrowError(`there is no column ${name}`, `/${name}`);
    if (second) throw arrowError(`there is more than one column ${name}`, `/${name}`);
    const type = String(field.type);
    if (!NUMERIC.test(type))
      throw arrowError(`${name} has the type ${type.slice(0, 60)}; cast it to float64`, `/${name}`);
  }
}

function readInput(column: Vector, index: number, row: number, name: string): number | null {
  const value = column.get(index);
  if (value === null) return null;
  const number = Number(value);
  if (!Number.isFinite(number)) throw arrowError(`row ${row}: ${name} is not finite`, `/${name}/${row}`);
  if (number < 0 && name === 'vol_moving_avg')
    throw arrowError(`row ${row}: ${name} must not be negative`, `/${name}/${row}`);
  return number;
}
