/** A failure that no retry can mend: bad input, bad arguments, a full or read-only disk. The process exits with 2. */
export class PermanentError extends Error {}

const UNMENDABLE: Record<string, string> = {
  ENOSPC: 'no space left on the device; free some, or use a larger disk',
  EDQUOT: 'the disk quota is used up; free some space, or use another disk',
  EROFS: 'the file system is read-only; use a writable folder',
  EACCES: 'permission denied; grant this user access, or use another folder',
  EPERM: 'operation not permitted; grant this user access, or use another folder',
  ENOTDIR: 'a part of the path is a file, not a folder; use another path',
  ENOMEM: 'DuckDB needs more memory; raise --memory-limit, or spread the prices over more --shards',
};

/** Turns what retrying cannot mend (a full disk, say, whoever met it) into an PermanentError; returns others as they are. */
export function classifyError(error: unknown): Error {
  if (!(error instanceof Error) || error instanceof PermanentError)
    return error instanceof Error ? error : new Error(String(error));
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PermanentError) return cause;
    const code = unmendableCode(cause);
    if (code)
      return new PermanentError(`${UNMENDABLE[code]} (${firstLine(cause.message)})`, { cause: error });
  }
  return error;
}

/** The message of an error and of its causes, in one line. */
export function describeError(error: Error): string {
  const messages: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const message = firstLine(cause.message);
    if (!messages.some((known) => known.includes(message))) messages.push(message);
  }
  return messages.join(': ');
}

function unmendableCode(error: Error): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code && code in UNMENDABLE) return code;
  if (/No space left on device/.test(error.message)) return 'ENOSPC';
  if (/Read-only file system/.test(error.message)) return 'EROFS';
  if (/^Out of Memory Error/.test(error.message)) return 'ENOMEM';
  if (/Permission denied/.test(error.message)) return 'EACCES';
  return undefined;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
