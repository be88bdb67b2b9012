import { readFile } from 'node:fs/promises';
import {
  type DuckDBConnection,
  DuckDBInstance,
  quotedIdentifier,
  quotedString,
  version,
} from '@duckdb/node-api';

export { quotedIdentifier, quotedString };

const PARQUET_OPTIONS =
  'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v1, DICTIONARY_SIZE_LIMIT 100';

/** What else decides the bytes of a Parquet file, beside its rows. */
export const PARQUET_WRITER = `DuckDB ${version()}: ${PARQUET_OPTIONS}`;

export interface DatabaseOptions {
  threads: number;
  /** For example `1GB`; DuckDB spills to `tempDirectory` beyond it. */
  memoryLimit: string;
  tempDirectory: string;
}

/** A failed statement: its SQL and, as `cause`, DuckDB's own error. */
export class QueryError extends Error {
  readonly sql: string;

  constructor(sql: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sql = sql;
  }
}

/** An in-memory DuckDB. Dispose of it (`await using`) to close it. */
export class Database {
  readonly #instance: DuckDBInstance;
  readonly #ownsInstance: boolean;
  /** Every open connection to the instance. */
  readonly #connections: Set<DuckDBConnection>;
  readonly connection: DuckDBConnection;
  readonly threads: number;

  private constructor(
    instance: DuckDBInstance,
    ownsInstance: boolean,
    connections: Set<DuckDBConnection>,
    connection: DuckDBConnection,
    threads: number,
  ) {
    this.#instance = instance;
    this.#ownsInstance = ownsInstance;
    this.#connections = connections.add(connection);
    this.connection = connection;
    this.threads = threads;
  }

  static async open({ threads, memoryLimit, tempDirectory }: DatabaseOptions): Promise<Database> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: memoryLimit,
      temp_directory: tempDirectory,
      autoinstall_known_extensions: 'false',
      enable_external_file_cache: 'false',
    });
    return new Database(instance, true, new Set(), await instance.connect(), threads);
  }

  /**
   * Another connection, with its own views and variables. It shares memory and threads; close it
   * before this one.
   */
  async connect(): Promise<Database> {
    const connection = await this.#instance.connect();
    return new Database(this.#instance, false, this.#connections, connection, this.threads);
  }

  /** Runs a statement and ignores its rows. @throws QueryError */
  async run(sql: string): Promise<void> {
    await this.connection.run(sql).catch((cause) => {
      throw new QueryError(sql, cause);
    });
  }

  /** The rows of a query as objects; 64-bit integers are bigint. @throws QueryError */
  async rows<Row>(sql: string): Promise<Row[]> {
    try {
      return (await (await this.connection.run(sql)).getRowObjectsJS()) as Row[];
    } catch (cause) {
      throw new QueryError(sql, cause);
    }
  }

  /** The only row of a query of numbers; 64-bit integers are number. @throws QueryError */
  async row<Row extends Record<string, number>>(sql: string): Promise<Row> {
    const [row = {}] = await this.rows<Record<string, number | bigint>>(sql);
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])) as Row;
  }

  /** Creates a view that .sql files can read. */
  async createView(name: string, select: string): Promise<void> {
    await this.run(`CREATE OR REPLACE TEMP VIEW ${quotedIdentifier(name)} AS ${select}`);
  }

  /** Sets a variable that .sql files read with getvariable(). */
  async setVariable(name: string, value: number | string | string[]): Promise<void> {
    const literal =
      typeof value === 'number'
        ? value
        : typeof value === 'string'
          ? quotedString(value)
          : `CAST([${value.map(quotedString).join()}] AS VARCHAR[])`;
    await this.run(`SET VARIABLE ${quotedIdentifier(name)} = ${literal}`);
  }

  /**
   * Writes the rows of a query to a Parquet file, in order. The same rows give the same bytes. COPY
   * takes the path literally.
   */
  async copyToParquet(select: string, path: string): Promise<void> {
    await this.run(`COPY (${select}\n) TO ${quotedString(path)} (${PARQUET_OPTIONS})`);
  }

  /** Ends the statements of all connections. Until then the process cannot exit. */
  interrupt(): void {
    for (const connection of this.#connections) connection.interrupt();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.delete(this.connection);
    this.connection.closeSync();
    if (this.#ownsInstance) this.#instance.closeSync();
  }
}

/** The text of a .sql file beside the calling module: `readSql(import.meta.url, 'prices.sql')`. */
export async function readSql(module: string, file: string): Promise<string> {
  return readFile(new URL(file, module), 'utf8');
}

/** The rows of Parquet files, as `read_parquet([…])`. */
export function parquet(...paths: string[]): string {
  return `read_parquet(${literalPaths(paths)}, hive_partitioning = false)`;
}

/** What the footer of a Parquet file says about each column of each row group. */
export function parquetMetadata(path: string): string {
  return `parquet_metadata(${literalPaths([path])})`;
}

/**
 * The rows of CSV files, with the path of each row's file as `filename`.
 * @param types by column
 * @param format further options of read_csv
 */
export function csv(paths: string[], types: Record<string, string>, format: string): string {
  return `read_csv(${literalPaths(paths)}, columns = ${structOf(types)}, ${format}, filename = true, hive_partitioning = false, compression = 'uncompressed')`;
}

/** The rows of a file with a JSON object per line. */
export function jsonLines(path: string, types: Record<string, string>): string {
  return `read_json(${literalPaths([path])}, columns = ${structOf(types)}, format = 'newline_delimited', hive_partitioning = false, compression = 'uncompressed')`;
}

/**
 * A list of paths for DuckDB's readers, which take them for glob patterns: each special character
 * becomes a class that only it matches. Readers also need `hive_partitioning = false`, else a
 * folder `Volume=7` fills the column Volume, and `compression`, else the ending decides.
 */
function literalPaths(paths: string[]): string {
  const patterns = paths.map((path) =>
    path.replace(/[*?[\\]/g, (special) => (special === '\\' ? BACKSLASH : `[${special}]`)),
  );
  return `[${patterns.map(quotedString).join()}]`;
}

/**
 * Backslash separates folders in a pattern, so that none can be written. This class excludes all
 * other bytes of UTF-8: `]` to 0x7F, and 0x80, which counts as -128, to `[`.
 */
const BACKSLASH = '[!]-\x7f\u0080-[]';

function structOf(types: Record<string, string>): string {
  const entries = Object.entries(types).map(([name, type]) => `${quotedString(name)}: ${quotedString(type)}`);
  return `{${entries.join()}}`;
}
