import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PermanentError } from '../lib/errors.ts';

export interface Column {
  name: string;
  type: string;
}

export interface Dataset {
  name: string;
  uri: string;
  rows: number;
  bytes: number;
}

export interface Check {
  name: string;
  /** What a check that is broken does: `fail` keeps the data from being published, `warn` is reported. */
  severity: 'fail' | 'warn';
  passed: boolean;
  /** How many rows, files, symbols, columns or months break it. */
  value: number;
  /** The first of the symbols, months or days that break it, where that is known. */
  examples?: string[];
}

/** For each output column, the input columns that it is computed from, as `dataset.column`. */
export type ColumnLineage = Record<string, string[]>;

/** What a task tells of its work: read by Airflow, by `make pipeline`, and later by OpenLineage. */
export interface ResultFile {
  task: string;
  /** `refused`: a model was kept out of service. */
  status: 'done' | 'up_to_date' | 'refused';
  inputs: (Dataset & { key: string })[];
  outputs: (Dataset & { format: string; key: string; columns: Column[] })[];
  columnLineage: ColumnLineage;
  checks: Check[];
  metrics: Record<string, number | string>;
  /** The table that the task makes, an object a row. */
  table?: Record<string, number | string | boolean | null>[];
  seconds: number;
}

/** What a task itself returns; the command line adds its name and the time it took, and prints what is to be printed. */
export type TaskResult = Omit<ResultFile, 'task' | 'seconds'> & {
  /** The table as people read it, the head first. */
  printedTable?: string[][];
};

/** Makes the result's folder, before any work is done in vain. @throws PermanentError when it cannot be written to */
export async function prepareResult(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder');
  } catch (cause) {
    throw new PermanentError(`--result ${path}: cannot be written; give another path`, { cause });
  }
}

/** Writes the result file, whole or not at all; to something that is not a file, such as /dev/stdout, directly. */
export async function writeResult(result: ResultFile, path: string): Promise<void> {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  const present = await stat(path).catch(() => undefined);
  if (present && !present.isFile()) return writeFile(path, text);
  const beside = `${path}.${randomUUID()}`;
  try {
    const handle = await open(beside, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}
