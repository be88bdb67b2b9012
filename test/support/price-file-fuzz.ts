/** Compares both readers of ingest, and the reference reader, on generated price files. */
import { crc32 } from 'node:zlib';
import { findBadRows } from '../../tasks/ingest/bad-rows.ts';
import { makePriceShard } from '../../tasks/ingest/price-shard.ts';
import type { PriceFile } from '../../tasks/ingest/prices.ts';
import type { Source } from '../../tasks/ingest/source-files.ts';
import { type Database, quotedString } from '../../tasks/lib/duckdb.ts';
import { PermanentError } from '../../tasks/lib/errors.ts';
import { generatePriceFile } from './price-file-generator.ts';
import { readReference } from './price-file-reference.ts';

const FILES_AT_ONCE = 200;

/** A database, and a folder for its files. */
export interface Workplace {
  database: Database;
  scratch: string;
}

/** A file that the readers do not read in the same way. */
export interface Disagreement {
  /** The file's number for `generatePriceFile`. */
  number: number;
  /** The file's content as JSON, with its bytes as Latin-1 characters. */
  content: string;
  reason: string;
}

/** Compares the readers on the files from number `first` on. */
export async function fuzzPriceFiles(
  first: number,
  count: number,
  workplace: Workplace,
): Promise<Disagreement[]> {
  const found: Disagreement[] = [];
  for (let start = first; start < first + count; start += FILES_AT_ONCE) {
    const length = Math.min(FILES_AT_ONCE, first + count - start);
    const contents = Array.from({ length }, (_, index) => generatePriceFile(start + index));
    for (const [index, reason] of (await compareReaders(contents, workplace)).entries())
      if (reason)
        found.push({
          number: start + index,
          content: JSON.stringify(contents[index]?.toString('latin1')),
          reason,
        });
  }
  return found;
}

/** What differs between the readers, for each of these files. */
async function compareReaders(contents: Buffer[], workplace: Workplace): Promise<(string | undefined)[]> {
  const reasons: (string | undefined)[] = [];
  for (const content of contents)
    reasons.push((await compareVerdicts(content, workplace)) ?? compareLines(content));
  if ((await compareRows(contents, workplace)) === undefined) return reasons;
  for (const [index, content] of contents.entries())
    reasons[index] ??= await compareRows([content], workplace);
  return reasons;
}

/** The bad lines that TypeScript finds must be those of the reference. */
function compareLines(content: Buffer): string | undefined {
  const lines = findBadRows(content).map(({ line }) => line);
  const { bad } = readReference(content);
  return lines.join() === bad.join() ? undefined : `bad lines: ${lines}; reference: ${bad}`;
}

/** DuckDB must refuse a file exactly if TypeScript finds a bad line. */
async function compareVerdicts(content: Buffer, workplace: Workplace): Promise<string | undefined> {
  const bad = findBadRows(content);
  // Files without bad lines are read together, by compareRows.
  if (bad.length === 0) return undefined;
  const error = await makeShard([content], false, workplace, async () => {}).then(
    () => undefined,
    (error) => error,
  );
  if (error instanceof PermanentError && error.message.includes(`, line ${bad[0]?.line}: `)) return undefined;
  return `bad line ${bad[0]?.line}: ${bad[0]?.reason}, but DuckDB: ${error ?? 'accepts the file'}`;
}

/** With quarantine, rows, their values and the lines set aside must be those of the reference. */
async function compareRows(contents: Buffer[], workplace: Workplace): Promise<string | undefined> {
  const readings = contents.map(readReference);
  const expectedRows = readings.flatMap(({ rows }, index) =>
    rows.sort(([a], [b]) => (a < b ? -1 : 1)).map((row) => [symbolOf(index), ...row]),
  );
  const expectedBad = readings.flatMap(({ bad }, index) =>
    bad.map((line) => [`stocks/${symbolOf(index)}.csv`, line]),
  );
  return makeShard(contents, true, workplace, async ([prices, quarantine = '']) => {
    const columns = 'Symbol, Date, Open, High, Low, Close, "Adj Close", Volume';
    const rows = await readArrays(
      workplace.database,
      `SELECT ${columns} FROM ${quotedString(prices as string)}`,
    );
    const bad =
      quarantine &&
      (await readArrays(workplace.database, `SELECT file, line FROM ${quotedString(quarantine)}`));
    if (toText(rows) !== toText(expectedRows))
      return `rows: ${toText(rows)}; reference: ${toText(expectedRows)}`;
    if (toText(bad || []) !== toText(expectedBad))
      return `quarantine: ${toText(bad || [])}; reference: ${toText(expectedBad)}`;
    return undefined;
  }).catch((error) => String(error));
}

async function makeShard<Result>(
  contents: Buffer[],
  quarantine: boolean,
  { database, scratch }: Workplace,
  use: (paths: string[]) => Promise<Result>,
): Promise<Result> {
  const contentOf = new Map<string, Buffer>();
  const files = contents.map((content, index): PriceFile => {
    const name = `stocks/${symbolOf(index)}.csv`;
    contentOf.set(name, content);
    return {
      name,
      symbol: symbolOf(index),
      securityName: null,
      bytes: content.length,
      crc32: crc32(content),
    };
  });
  const source = {
    uri: 'source',
    read: async ({ name }) => contentOf.get(name) as Buffer,
    assertUnchanged() {},
  } as Partial<Source> as Source;
  const { paths } = await makePriceShard({ index: 0, key: '', files }, source, quarantine, scratch, database);
  return use(paths);
}

function symbolOf(index: number): string {
  return `S${String(index).padStart(4, '0')}`;
}

async function readArrays(database: Database, sql: string): Promise<unknown[][]> {
  return (await database.connection.run(sql)).getRowsJS() as Promise<unknown[][]>;
}

/** Tells -0 from 0. Whole numbers are the same as bigint and as number. */
function toText(rows: unknown[][]): string {
  return rows
    .map((row) => row.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join())
    .join('\n');
}
