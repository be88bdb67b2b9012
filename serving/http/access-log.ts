/** Writes down that a request was answered; `seconds` from its headers to the end of its answer. */
export type AccessLog = (method: string, path: string, status: number, seconds: number, id: string) => void;

/**
 * An access log: the fields of each request that is drawn.
 * @param share how many of them, from 0 to 1
 */
export function createAccessLog(
  share: number,
  write: (fields: Record<string, string | number>) => void,
): AccessLog {
  return (method, path, status, seconds, request_id) => {
    if (Math.random() < share) write({ method, path: path.slice(0, 200), status, seconds, request_id });
  };
}
