/**
 * A failure that a retry cannot fix: bad input, a bad option, a missing or damaged file of the
 * store, a full or read-only disk, too little memory. The process exits with 2.
 */
export class PermanentError extends Error {}

/** What to do, by the code of a system error or of permanentCode(). */
const REMEDIES: Record<string, string> = {
  ENOSPC: 'no space left on the device; free some, or use a larger disk',
  EDQUOT: 'the disk quota is used up; free some space, or use another disk',
  EROFS: 'the file system is read-only; use a writable folder',
  EACCES: 'permission denied; grant this user access, or use another folder',
  EPERM: 'operation not permitted; grant this user access, or use another folder',
  ENOTDIR: 'a part of the path is a file, not a folder; use another path',
  ENOMEM: 'DuckDB needs more memory; raise --memory-limit, or spread the prices over more --shards',
};

/**
 * Turns an error whose cause no retry can fix, such as a full disk, into a PermanentError. Returns
 * others as they are.
 */
export function classifyError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PermanentError) return cause;
    const code = permanentCode(cause);
    if (code) return new PermanentError(`${REMEDIES[code]} (${firstLine(cause.message)})`, { cause: error });
  }
  return error;
}

/** The messages of an error and of its causes, in one line. */
export function describeError(error: Error): string {
  const messages: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    // Only a path has a line end in a message of this program.
    const message =
      cause instanceof PermanentError ? cause.message.replaceAll('\n', '\\n') : firstLine(cause.message);
    if (!messages.some((known) => known.includes(message))) messages.push(message);
  }
  return messages.join(': ');
}

function permanentCode(error: Error): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code && code in REMEDIES) return code;
  if (/No space left on device/.test(error.message)) return 'ENOSPC';
  if (/Read-only file system/.test(error.message)) return 'EROFS';
  if (/^Out of Memory Error/.test(error.message)) return 'ENOMEM';
  if (/Permission denied/.test(error.message)) return 'EACCES';
  return undefined;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
