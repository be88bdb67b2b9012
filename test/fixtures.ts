/** What the tests of the tasks share: source files made by hand, the command line as users run it, what it published. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Database } from '../tasks/duckdb.ts';
import { type IngestOptions, ingest } from '../tasks/ingest/ingest.ts';
import { createLogger } from '../tasks/log.ts';
import type { Outcome, TaskResult } from '../tasks/result.ts';
import { Store } from '../tasks/store.ts';

export const HEADER = 'Date,Open,High,Low,Close,Adj Close,Volume';
const CLI = fileURLToPath(new URL('../tasks/cli.ts', import.meta.url));

/** Name -> content, as in the Kaggle set: `stocks/AAPL.csv`. */
export type Files = Record<string, string | Buffer>;

/** A price file of these rows. */
export function csv(...rows: string[]): string {
  return [HEADER, ...rows, ''].join('\n');
}

/** A price file with a row for each volume, a day apart from 2020-01-01 on. */
export function csvOfVolumes(...volumes: number[]): string {
  const day = (index: number) => new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10);
  const rows = volumes.map((volume, index) => `${day(index)},1,1,1,1,1,${volume}\n`);
  return `${HEADER}\n${rows.join('')}`;
}

/** `symbols_valid_meta.csv`: from NASDAQ Symbol to Security Name, both as they are written in the file. */
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

/** An empty folder that is gone after the test. */
export async function makeFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stock-market-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A source folder. Metadata without names is added where the files have none. */
export async function makeSource(files: Files, path?: string): Promise<string> {
  const folder = path ?? (await makeFolder());
  for (const [name, content] of Object.entries({ 'symbols_valid_meta.csv': metadata(), ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** A zip of the same files, by Python's zipfile. */
export async function makeZip(files: Files): Promise<string> {
  const folder = await makeSource(files);
  const zip = join(await makeFolder(), 'source.zip');
  const { code, stderr } = await run('python3', [
    '-m',
    'zipfile',
    '-c',
    zip,
    ...(await readdir(folder)).map((name) => join(folder, name)),
  ]);
  if (code !== 0) throw new Error(stderr);
  return zip;
}

/** How a task ended. */
export interface Ending {
  code: number | null;
  /** What it reported last, as its log line says it. */
  message: string;
  stdout: string;
  stderr: string;
}

/** Runs `node tasks/cli.ts` in a process of its own, with nothing in its environment but what is given. */
export async function runCli(args: string[], environment: Record<string, string> = {}): Promise<Ending> {
  const ending = await run(process.execPath, [CLI, ...args], environment);
  const last = ending.stderr.trim().split('\n').at(-1) ?? '';
  return { ...ending, message: last.startsWith('{') ? JSON.parse(last).message : last };
}

/** Runs a task that must succeed and returns what it wrote to its result file. */
export async function runTask(args: string[], environment: Record<string, string> = {}): Promise<TaskResult> {
  const file = join(await makeFolder(), 'result.json');
  const { code, stderr } = await runCli([...args, '--result', file], environment);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(await readFile(file, 'utf8'));
}

/** Ingests within this process: these files, into a new store, in one shard unless told otherwise. */
export async function ingestFiles(
  files: Files,
  options: Partial<IngestOptions> = {},
): Promise<{ store: string; result: Outcome }> {
  const store = await makeFolder();
  return { store, result: await ingestInto(store, await makeSource(files), options) };
}

/** Ingests within this process: a source, into a store, in one shard unless told otherwise. */
export async function ingestInto(
  store: string,
  source: string,
  options: Partial<IngestOptions> = {},
): Promise<Outcome> {
  const log = createLogger(false);
  log.silent = true;
  const progress = { start() {}, advance() {}, stop() {} };
  await using database = await Database.open({ threads: 1, memoryLimit: '256MB', tempDirectory: tmpdir() });
  const context = { store: await Store.open(store), database, log, progress };
  return await ingest({ source, shards: 1, quarantine: false, ...options }, context);
}

/** The rows of a dataset as arrays, in the order of shards and rows. 64-bit integers come as bigint. */
export async function readRows(
  result: Outcome,
  columns: string,
  glob = 'shard-*.parquet',
): Promise<unknown[][]> {
  return query(`SELECT ${columns} FROM '${result.outputs[0]?.uri}/${glob}'`);
}

/** The rows of a query as arrays. */
export async function query(sql: string): Promise<unknown[][]> {
  await using database = await Database.open({ threads: 1, memoryLimit: '256MB', tempDirectory: tmpdir() });
  return (await (await database.connection.run(sql)).getRowsJS()) as unknown[][];
}

/** Published name -> SHA-256 of the file, for all of a store but its cache, logs and scratch. */
export async function hashStore(store: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of (await readdir(store, { recursive: true })).sort()) {
    if (/^(cache|logs|tmp)\b/.test(name) || (await stat(join(store, name))).isDirectory()) continue;
    hashes[name] = createHash('sha256')
      .update(await readFile(join(store, name)))
      .digest('hex');
  }
  return hashes;
}

async function run(
  command: string,
  args: string[],
  environment: Record<string, string> = {},
): Promise<Omit<Ending, 'message'>> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...environment },
  });
  const code = new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
