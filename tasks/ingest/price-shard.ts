import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Database, jsonLines } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { ShardContent } from '../store/publish-shards.ts';
import { type ShardPlan, shardName } from '../store/shards.ts';
import { type BadRow, findBadRows, removeBadRows } from './bad-rows.ts';
import { toPlainCsv } from './csv.ts';
import { type FileFacts, inspectFile } from './file-facts.ts';
import {
  BadPricesError,
  type LocalPriceFile,
  type PriceFile,
  type WrittenPrices,
  writePrices,
} from './prices.ts';
import { isEtf, type Source } from './source-files.ts';

type CountedFile = LocalPriceFile & { rows: number };

type FileBadRow = BadRow & { file: string };

/** The files of a shard, sorted by symbol, where DuckDB can open them. */
interface LocalFiles {
  files: CountedFile[];
  rows: number;
  isBad: boolean;
}

interface ShardOutput {
  paths: string[];
  written: WrittenPrices;
  /** Bad rows, without the headers of files. */
  quarantined: FileBadRow[];
}

/**
 * Writes one shard of prices into the scratch folder, and its quarantined rows, if any, beside it.
 * @throws PermanentError at bad rows, unless they go to quarantine
 */
export async function makePriceShard(
  { index, files }: ShardPlan & { files: PriceFile[] },
  source: Source,
  quarantine: boolean,
  scratch: string,
  database: Database,
): Promise<ShardContent> {
  const path = join(scratch, `${shardName(index)}.parquet`);
  const local = await openLocally(files, source, scratch);
  const output = await writeGoodPrices(local, path, database).catch(async (error) => {
    if (!(error instanceof BadPricesError)) throw error;
    const bad = await findAllBadRows(files, source);
    if (bad.length === 0) throw unexplainedError(files, error);
    if (!quarantine) throw badRowsError(bad, source);
    return writeWithoutBadRows(local, bad, source, path, scratch, database);
  });
  for (const file of files) source.assertUnchanged(file);
  return summarize(output, files, local);
}

async function writeGoodPrices(
  { files, rows, isBad }: LocalFiles,
  path: string,
  database: Database,
): Promise<ShardOutput> {
  if (isBad) throw new BadPricesError('a header or a number is bad');
  return { paths: [path], written: await writePrices(files, rows, path, database), quarantined: [] };
}

async function writeWithoutBadRows(
  { files, rows }: LocalFiles,
  bad: FileBadRow[],
  source: Source,
  path: string,
  scratch: string,
  database: Database,
): Promise<ShardOutput> {
  const quarantined = bad.filter(({ line }) => line > 1);
  const quarantinePath = join(scratch, `quarantine-${basename(path)}`);
  await writeQuarantine(bad, scratch, quarantinePath, database);
  const good = await copyGoodRows(files, bad, source, scratch);
  const written = await writePrices(good, rows - quarantined.length, path, database).catch((cause) => {
    throw cause instanceof BadPricesError ? unexplainedError(files, cause) : cause;
  });
  return { paths: [path, quarantinePath], written, quarantined };
}

function summarize(
  { paths, written, quarantined }: ShardOutput,
  files: PriceFile[],
  local: LocalFiles,
): ShardContent {
  const quarantinedOfFile = Map.groupBy(quarantined, ({ file }) => file);
  const withRows = local.files.filter(({ name, rows }) => rows > (quarantinedOfFile.get(name)?.length ?? 0));
  const { rows, symbols, null_rows, zero_volumes } = written.counts;
  return {
    paths,
    rows,
    nulls: written.nulls,
    months: written.months,
    ...(written.lastDate && { lastDate: written.lastDate }),
    etfs: files.filter(({ name }) => isEtf(name)).map(({ symbol }) => symbol),
    checks: written.checks,
    parameters: {},
    metrics: {
      files: files.length,
      files_with_rows: withRows.length,
      rows_in: local.rows,
      symbols,
      null_rows,
      zero_volumes,
      rows_quarantined: quarantined.length,
    },
  };
}

function unexplainedError(files: PriceFile[], cause: BadPricesError): PermanentError {
  const names = files.map(({ name }) => name);
  return new PermanentError(
    `one of these files cannot be read, but none has a bad line; remove the bad one: ${names.join(', ')}`,
    { cause },
  );
}

function badRowsError(bad: FileBadRow[], source: Source): PermanentError {
  const [{ file, line, reason }] = bad as [FileBadRow];
  const more = bad.length > 1 ? ` (and ${bad.length - 1} more bad rows)` : '';
  return new PermanentError(
    `${source.uri}: ${file}, line ${line}: ${reason}${more}. Fix the line, or run with --quarantine to set such rows aside.`,
  );
}

async function openLocally(files: PriceFile[], source: Source, scratch: string): Promise<LocalFiles> {
  const local: CountedFile[] = [];
  let rows = 0;
  let isBad = false;
  for (const [index, file] of files.entries()) {
    const { path, facts } = await openFile(file, source, join(scratch, `${index}.csv`));
    rows += facts.rows;
    isBad ||= facts.isBad;
    local.push({ ...file, path, rows: facts.rows });
  }
  return { files: local.sort((a, b) => (a.symbol < b.symbol ? -1 : 1)), rows, isBad };
}

/** The path of a file: its own if it is plain, or else that of a plain copy at `copyPath`. */
async function openFile(
  file: PriceFile,
  source: Source,
  copyPath: string,
): Promise<{ path: string; facts: FileFacts }> {
  if (file.inPlace?.facts.isPlain) return file.inPlace;
  const content = await source.read(file);
  await writeFile(copyPath, toPlainCsv(content));
  return { path: copyPath, facts: file.inPlace?.facts ?? inspectFile(content) };
}

async function findAllBadRows(files: PriceFile[], source: Source): Promise<FileBadRow[]> {
  const found: FileBadRow[] = [];
  for (const file of files) {
    for (const bad of findBadRows(await source.read(file))) found.push({ file: file.name, ...bad });
  }
  return found;
}

async function writeQuarantine(
  bad: FileBadRow[],
  scratch: string,
  path: string,
  database: Database,
): Promise<void> {
  const lines = join(scratch, 'quarantine.jsonl');
  await writeFile(lines, bad.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const types = { file: 'VARCHAR', line: 'BIGINT', reason: 'VARCHAR', text: 'VARCHAR' };
  await database.copyToParquet(`SELECT * FROM ${jsonLines(lines, types)}`, path);
}

/** The same files, with copies for those that have bad rows. */
async function copyGoodRows(
  files: LocalPriceFile[],
  bad: FileBadRow[],
  source: Source,
  scratch: string,
): Promise<LocalPriceFile[]> {
  const badOfFile = Map.groupBy(bad, ({ file }) => file);
  const good: LocalPriceFile[] = [];
  for (const [index, file] of files.entries()) {
    const rows = badOfFile.get(file.name);
    const path = rows ? join(scratch, `${index}.good.csv`) : file.path;
    if (rows) await writeFile(path, removeBadRows(await source.read(file), rows));
    good.push({ ...file, path });
  }
  return good;
}
