/** Writes down that a request was answered; `seconds` from its headers to the end of its answer. */
export type AccessLog = (method: string, path: string, status: number, seconds: number, id: string) => void;

/**
 * An access log in JSON, a line for each request that is drawn.
 * @param share how many of them, from 0 to 1
 */
export function createAccessLog(share: number, write: (line: string) => void): AccessLog {
  return (method, path, status, seconds, request_id) => {
    if (Math.random() < share)
      write(`${JSON.stringify({ method, path: path.slice(0, 200), status, seconds, request_id })}\n`);
  };
}
