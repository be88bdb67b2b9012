import type { ServerResponse } from 'node:http';
import { Counter, type Registry } from 'prom-client';
import { RequestError } from '../problem.ts';

/**
 * Counts answers that began and did not end, and logs the reason unless the client left.
 * @returns a function to call for each such answer
 */
export function createAbortedCounter(
  register: Registry,
  log: (level: 'warn' | 'error', message: string, fields: Record<string, string>) => void,
): (response: ServerResponse, path: string, request_id: string) => void {
  const total = new Counter({
    name: 'http_server_answers_cut_off_total',
    help: 'Answers that had begun and ended before they were whole, by cause',
    labelNames: ['cause'],
    registers: [register],
  });
  for (const cause of ['bad_request', 'client_left', 'server_error']) total.inc({ cause }, 0);

  return ({ errored }, path, request_id) => {
    const fields = { path: path.slice(0, 200), request_id };
    if (!errored) total.inc({ cause: 'client_left' });
    else if (errored instanceof RequestError) {
      total.inc({ cause: 'bad_request' });
      log('warn', `an answer was cut off: ${errored.message}`, fields);
    } else {
      total.inc({ cause: 'server_error' });
      log('error', `an answer was cut off: ${errored.stack}`, fields);
    }
  };
}
