import { setImmediate as pause } from 'node:timers/promises';
import { type RecordBatch, RecordBatchReader, type Vector } from 'apache-arrow';
import type { InService, Service } from '../champion/service.ts';
import { RequestError } from '../problem.ts';
import { type Scored, scoreRow } from '../scoring/score-row.ts';
import { checkMessages } from './arrow-messages.ts';
import { END, encodeRows, HEAD } from './arrow-output.ts';

/** The largest record batch, in bytes; a stream may have any number of them. */
export const MAX_BATCH_BYTES = 32 * 2 ** 20;

/** Other requests get their turn after so many rows. */
const ROWS_AT_ONCE = 16_384;

const NUMERIC = /^(Float(32|64)|U?[Ii]nt(8|16|32|64))$/;

/**
 * Scores an Arrow IPC stream as it comes in. A row with a null input gives a row of nulls. What is wrong up to the
 * first rows is a RequestError.
 * @param cut is told of what is wrong later, when the answer has begun: it must end it, or throw to error the stream
 */
export async function scoreStream(
  input: AsyncIterable<Uint8Array>,
  service: Service,
  current: InService,
  cut: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const chunks = score(input, service, current);
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
          cut(error);
        }
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* score(
  input: AsyncIterable<Uint8Array>,
  service: Service,
  current: InService,
): AsyncGenerator<Uint8Array, undefined> {
  const watched = { size: 0, tail: Buffer.alloc(0) };
  let isHeadDue = true;
  let row = 0;
  try {
    const reader = await RecordBatchReader.from(checkMessages(watch(input, watched)));
    await reader.open();
    if (reader.schema === undefined) throw refuse('holds no schema');
    for (const name of ['vol_moving_avg', 'adj_close_rolling_med']) checkColumn(reader.schema.fields, name);
    for await (const batch of reader as AsyncIterable<RecordBatch>) {
      watched.size = 0;
      const volMovingAvgs = batch.getChild('vol_moving_avg') as Vector;
      const adjCloseRollingMeds = batch.getChild('adj_close_rolling_med') as Vector;
      for (const column of [volMovingAvgs, adjCloseRollingMeds]) {
        const held = column.data[0]?.values?.length ?? 0;
        if (column.length !== batch.numRows || held < batch.numRows)
          throw refuse(`row ${row}: a column has fewer values than its record batch states`);
      }
      for (let start = 0; start < batch.numRows; start += ROWS_AT_ONCE) {
        const rows: (Scored | null)[] = [];
        for (let i = start; i < Math.min(start + ROWS_AT_ONCE, batch.numRows); i++, row++) {
          const volMovingAvg = valueAt(volMovingAvgs, i, row, 'vol_moving_avg');
          const adjCloseRollingMed = valueAt(adjCloseRollingMeds, i, row, 'adj_close_rolling_med');
          rows.push(
            volMovingAvg === null || adjCloseRollingMed === null
              ? null
              : scoreRow(service, current, volMovingAvg, adjCloseRollingMed),
          );
        }
        yield isHeadDue ? Buffer.concat([HEAD, encodeRows(rows)]) : encodeRows(rows);
        isHeadDue = false;
        await pause();
      }
    }
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw refuse(`cannot be read as an Arrow IPC stream: ${(error as Error).message.slice(0, 200)}`);
  }
  if (!watched.tail.equals(END)) throw refuse('was cut short: it does not end in the end-of-stream marker');
  service.succeed?.();
  yield isHeadDue ? Buffer.concat([HEAD, END]) : END;
}

/** Passes the input on, and keeps count of what was read since the last record batch and of the last 8 bytes. */
async function* watch(
  input: AsyncIterable<Uint8Array>,
  watched: { size: number; tail: Buffer },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    watched.size += chunk.length;
    if (watched.size > MAX_BATCH_BYTES)
      throw new RequestError(413, `a record batch may have ${MAX_BATCH_BYTES} bytes; send smaller ones`);
    watched.tail = Buffer.concat([watched.tail, chunk.subarray(-8)]).subarray(-8);
    yield chunk;
  }
}

function checkColumn(fields: { name: string; type: unknown }[], name: string): void {
  const [field, second] = fields.filter((field) => field.name === name);
  if (!field) throw refuse(`has no column ${name}`, `/${name}`);
  if (second) throw refuse(`has more than one column ${name}`, `/${name}`);
  if (!NUMERIC.test(String(field.type)))
    throw refuse(`has ${name} as ${String(field.type).slice(0, 60)}; cast it to float64`, `/${name}`);
}

function valueAt(column: Vector, index: number, row: number, name: string): number | null {
  const value = column.get(index);
  if (value === null) return null;
  const number = Number(value);
  if (!Number.isFinite(number)) throw refuse(`row ${row}: ${name} is not finite`, `/${name}/${row}`);
  if (number < 0 && name === 'vol_moving_avg')
    throw refuse(`row ${row}: ${name} must not be negative`, `/${name}/${row}`);
  return number;
}

function refuse(reason: string, pointer = ''): RequestError {
  return new RequestError(400, `the Arrow stream: ${reason}`, [{ pointer, detail: reason }]);
}
