import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, quotedString } from '../lib/duckdb.ts';
import { PermanentError } from '../lib/errors.ts';
import type { ShardContent } from '../store/publish-shards.ts';
import { type ShardPlan, shardName } from '../store/shards.ts';
import { type BadRow, type FileFacts, findBadRows, inspectFile, withoutRows } from './bad-rows.ts';
import { BadInput, type LocalFile, type NamedFile, type Written, writePrices } from './prices.ts';
import { isEtf, type Source } from './source.ts';

/**
 * Writes one shard of prices into the scratch folder, and beside it the rows that were set aside, if any.
 * @throws PermanentError at bad rows, unless they are to be set aside
 */
export async function makeShard(
  { index, files }: ShardPlan & { files: NamedFile[] },
  source: Source,
  quarantine: boolean,
  scratch: string,
  database: Database,
): Promise<ShardContent> {
  const path = join(scratch, `${shardName(index)}.parquet`);
  const paths = [path];
  const fetched = await fetchFiles(files, source, scratch);
  let setAside: FileBadRow[] = [];
  let written: Written;
  try {
    if (fetched.isBad) throw new BadInput('a header or a number is bad');
    written = await writePrices(fetched.files, fetched.rows, path, database);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const bad = await findAll(files, source);
    if (bad.length === 0) throw unreadable(files, error);
    if (!quarantine) throw badRowsError(bad, source);
    setAside = bad.filter(({ line }) => line > 1);
    paths.push(join(scratch, `quarantine-${shardName(index)}.parquet`));
    await writeQuarantine(bad, scratch, paths[1] as string, database);
    const clean = await removeBadRows(fetched.files, bad, source, scratch);
    written = await writePrices(clean, fetched.rows - setAside.length, path, database).catch((cause) => {
      throw cause instanceof BadInput ? unreadable(files, cause) : cause;
    });
  }
  for (const file of files) source.assertUnchanged(file);
  const bad = Map.groupBy(setAside, ({ file }) => file);
  const left = fetched.files.filter(({ name, rows }) => rows > (bad.get(name)?.length ?? 0));
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
      files_with_rows: left.length,
      rows_in: fetched.rows,
      symbols,
      null_rows,
      zero_volumes,
      rows_quarantined: setAside.length,
    },
  };
}

function unreadable(files: NamedFile[], error: BadInput): PermanentError {
  const names = files.map(({ name }) => name);
  return new PermanentError(`a file cannot be read, though no line of it looks bad: ${names.join(', ')}`, {
    cause: error,
  });
}

async function fetchFiles(
  files: NamedFile[],
  source: Source,
  scratch: string,
): Promise<{ files: (LocalFile & { rows: number })[]; rows: number; isBad: boolean }> {
  const fetched: (LocalFile & { rows: number })[] = [];
  let rows = 0;
  let isBad = false;
  for (const [index, file] of files.entries()) {
    const { path, facts } = await fetchFile(file, source, join(scratch, `${index}.csv`));
    rows += facts.rows;
    isBad ||= facts.isBad;
    fetched.push({ ...file, path, rows: facts.rows });
  }
  return { files: fetched.sort((a, b) => (a.symbol < b.symbol ? -1 : 1)), rows, isBad };
}

/** Where DuckDB finds the file, which is copied to `path` unless it can be read in place. */
async function fetchFile(
  file: NamedFile,
  source: Source,
  path: string,
): Promise<{ path: string; facts: FileFacts }> {
  if (file.inPlace && !file.inPlace.facts.mayMix) return file.inPlace;
  const content = await source.read(file);
  const facts = inspectFile(content);
  await writeFile(path, facts.mayMix ? endLinesInLf(content) : content);
  return { path, facts };
}

function endLinesInLf(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

type FileBadRow = BadRow & { file: string };

async function findAll(files: NamedFile[], source: Source): Promise<FileBadRow[]> {
  const found: FileBadRow[] = [];
  for (const file of files) {
    for (const bad of findBadRows(await source.read(file))) found.push({ file: file.name, ...bad });
  }
  return found;
}

function badRowsError(bad: FileBadRow[], source: Source): PermanentError {
  const [{ file, line, reason }] = bad as [FileBadRow];
  const more = bad.length > 1 ? ` (and ${bad.length - 1} more bad rows)` : '';
  return new PermanentError(
    `${source.uri}: ${file}: line ${line}: ${reason}${more}; mend it, or run with --quarantine to set such rows aside`,
  );
}

async function writeQuarantine(
  bad: FileBadRow[],
  scratch: string,
  path: string,
  database: Database,
): Promise<void> {
  const lines = join(scratch, 'quarantine.jsonl');
  await writeFile(lines, bad.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const columns = `{file: 'VARCHAR', line: 'BIGINT', reason: 'VARCHAR', text: 'VARCHAR'}`;
  await database.copyToParquet(
    `SELECT * FROM read_json(${quotedString(lines)}, format = 'newline_delimited', columns = ${columns})`,
    path,
  );
}

async function removeBadRows(
  files: LocalFile[],
  bad: FileBadRow[],
  source: Source,
  scratch: string,
): Promise<LocalFile[]> {
  const clean: LocalFile[] = [];
  for (const [index, file] of files.entries()) {
    const rows = bad.filter((row) => row.file === file.name);
    if (rows.length === 0) {
      clean.push(file);
      continue;
    }
    const path = join(scratch, `${index}.clean.csv`);
    await writeFile(path, withoutRows(await source.read(file), rows));
    clean.push({ ...file, path });
  }
  return clean;
}
