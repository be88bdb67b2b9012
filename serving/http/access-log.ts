/** Logs an answered request; `seconds` is from its headers to the end of its answer. */
export type AccessLog = (method: string, path: string, status: number, seconds: number, id: string) => void;

/**
 * An access log of a random sample of the requests.
 * @param share of the requests to log, from 0 to 1
 */
export function createAccessLog(
  share: number,
  write: (fields: Record<string, string | number>) => void,
): AccessLog {
  return (method, path, status, seconds, request_id) => {
    if (Math.random() < share) write({ method, path: path.slice(0, 200), status, seconds, request_id });
  };
}
