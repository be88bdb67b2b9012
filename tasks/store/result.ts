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
  /** What a failed check does: `fail` keeps the data from being published, `warn` only reports. */
  severity: 'fail' | 'warn';
  passed: boolean;
  /** The number of rows, files, symbols, columns or months that violate it; or a measured value. */
  value: number;
  /** The first symbols, months or days that violate it, where they are known. */
  examples?: string[];
}

/** For each output column, the input columns that it is computed from, as `dataset.column`. */
export type ColumnLineage = Record<string, string[]>;

/** What a task returns. */
export interface TaskResult {
  /** `refused`: a model was not promoted. */
  status: 'done' | 'up_to_date' | 'refused';
  inputs: (Dataset & { key: string })[];
  outputs: (Dataset & { format: string; key: string; columns: Column[] })[];
  columnLineage: ColumnLineage;
  checks: Check[];
  metrics: Record<string, number | string>;
  /** The table that the task makes, an object per row. */
  table?: Record<string, number | string | boolean | null>[];
  /** The same table as text for standard output, the header first. */
  printedTable?: string[][];
}

/** The result file, which Airflow and the pipeline read. */
export type ResultFile = Omit<TaskResult, 'printedTable'> & { task: string; seconds: number };

/**
 * Creates the folder of the result file, before any work.
 * @throws PermanentError when it is not writable
 */
export async function prepareResult(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder');
  } catch (cause) {
    throw new PermanentError(`--result ${path} is not writable; use another path`, { cause });
  }
}

/**
 * Writes the result file, whole or not at all; or directly where it is not a regular file, such as
 * /dev/stdout.
 */
export async function writeResult(result: ResultFile, path: string): Promise<void> {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  const existing = await stat(path).catch(() => undefined);
  if (existing && !existing.isFile()) return writeFile(path, text);
  const temporary = `${path}.${randomUUID()}`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
