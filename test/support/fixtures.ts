/**
 * What tests work on: folders, price files, stores that this process fills, and the content of
 * stores.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import type { Context } from '../../tasks/context.ts';
import { type IngestOptions, ingest } from '../../tasks/ingest/ingest.ts';
import { Database } from '../../tasks/lib/duckdb.ts';
import { createLogger } from '../../tasks/lib/log.ts';
import type { TaskResult } from '../../tasks/store/result.ts';
import { Store } from '../../tasks/store/store.ts';

export const HEADER = 'Date,Open,High,Low,Close,Adj Close,Volume';

/** Contents by name, as in the Kaggle dataset: `stocks/AAPL.csv`. */
export type Files = Record<string, string | Buffer>;

/** A price file with these rows. */
export function csv(...rows: string[]): string {
  return [HEADER, ...rows, ''].join('\n');
}

/** A price file with a row for each volume, one per day from 2020-01-01 on. */
export function csvOfVolumes(...volumes: number[]): string {
  const day = (index: number) => new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10);
  const rows = volumes.map((volume, index) => `${day(index)},1,1,1,1,1,${volume}\n`);
  return `${HEADER}\n${rows.join('')}`;
}

/**
 * `symbols_valid_meta.csv` with these Security Names by NASDAQ Symbol, both as written in the file.
 */
export function metadata(names: Record<string, string> = {}): string {
  const rows = Object.entries(names).map(
    ([symbol, name]) => `Y,${symbol},${name},N,,N,100.0,N,,,${symbol},N`,
  );
  return [
    'Nasdaq Traded,Symbol,Security Name,Listing Exchange,Market Category,ETF,Round Lot Size,Test Issue,Financial Status,CQS Symbol,NASDAQ Symbol,NextShares',
    ...rows,
    '',
  ].join('\n');
}

/** An empty folder, removed after the test. */
export function makeFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'stock-market-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A source folder with these files. If they have no metadata, it gets metadata without names. */
export async function makeSource(files: Files, path?: string): Promise<string> {
  const folder = path ?? makeFolder();
  const isThere = Object.keys(files).some((name) => name.endsWith('symbols_valid_meta.csv'));
  const all = isThere ? files : { ...files, 'symbols_valid_meta.csv': metadata() };
  for (const [name, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** A zip of such files, made by Python's zipfile. */
export async function makeZip(files: Files): Promise<string> {
  const folder = await makeSource(files);
  const zip = join(makeFolder(), 'source.zip');
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  await promisify(execFile)('python3', ['-m', 'zipfile', '-c', zip, ...paths]);
  return zip;
}

/** Makes the directory of a zip claim another unpacked size of a file. */
export function setClaimedSize(zip: Buffer, name: string, bytes: number): void {
  // A directory entry has the size at byte 24, and the name at byte 46.
  zip.writeUInt32LE(bytes, zip.lastIndexOf(name) - 46 + 24);
}

/** Runs a task in this process. Use runTask() to test exit codes and output. */
export async function runInProcess<Options, Result = TaskResult>(
  task: (options: Options, context: Context) => Promise<Result>,
  options: Options,
  store: string,
  threads = 1,
  today = '2026-01-01',
): Promise<Result> {
  const log = createLogger(false);
  log.silent = true;
  const progress = { start() {}, advance() {}, stop() {} };
  await using database = await openDatabase(threads);
  return await task(options, { store: await Store.open(store), database, log, progress, today });
}

/** Ingests a source into a store, in this process. The default is one shard. */
export async function ingestInto(
  store: string,
  source: string,
  options: Partial<IngestOptions> = {},
): Promise<TaskResult> {
  return runInProcess(ingest, { source, shards: 1, quarantine: false, ...options }, store);
}

/** Ingests these files into a new store, in this process. */
export async function ingestFiles(
  files: Files,
  options: Partial<IngestOptions> = {},
): Promise<{ store: string; result: TaskResult }> {
  const store = makeFolder();
  return { store, result: await ingestInto(store, await makeSource(files), options) };
}

export async function openDatabase(threads = 1): Promise<Database> {
  return Database.open({ threads, memoryLimit: '256MB', tempDirectory: tmpdir() });
}

/** The rows of a dataset as arrays, in order of shards and rows. 64-bit integers are bigint. */
export async function readRows(
  result: TaskResult,
  columns: string,
  glob = 'shard-*.parquet',
): Promise<unknown[][]> {
  return query(`SELECT ${columns} FROM '${result.outputs[0]?.uri}/${glob}'`);
}

/** The rows of a query as arrays. */
export async function query(sql: string): Promise<unknown[][]> {
  await using database = await openDatabase();
  return (await (await database.connection.run(sql)).getRowsJS()) as unknown[][];
}

/** Overwrites bytes of the shards of the features. A negative position counts from the end. */
export function damageFeatures(store: string, from: number, to?: number, shard = '*'): void {
  for (const path of globSync(join(store, `features/*/${shard}.parquet`))) {
    const bytes = readFileSync(path);
    // A new file, since the old one may be a hard link to another store.
    rmSync(path);
    bytes.subarray(from, to).fill(0xff);
    writeFileSync(path, bytes);
  }
}

/** The SHA-256 of each published file of a store, or of some of its folders, by name. */
export function hashStore(store: string, ...folders: string[]): Record<string, string> {
  const hashes: Record<string, string> = {};
  for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(store.length + 1);
    const [top = ''] = name.split('/');
    if (!entry.isFile() || /^(cache|logs|tmp)$|\.lock$/.test(top)) continue;
    if (folders.length === 0 || folders.includes(top))
      hashes[name] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return hashes;
}

/** The entries of a store's scratch folder. */
export function listScratch(store: string): string[] {
  return existsSync(join(store, 'tmp')) ? readdirSync(join(store, 'tmp')) : [];
}

/** The options of train that the command line always gives, with its defaults. */
export const TRAIN_OPTIONS = { seed: 1, replace: false, halfLife: 8, medianFrom: 100_000 };
