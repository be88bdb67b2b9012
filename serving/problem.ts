import { STATUS_CODES } from 'node:http';

/** What is wrong with one field: a query parameter by name, a place in a body by JSON pointer (RFC 6901). */
export interface Fault {
  parameter?: string;
  pointer?: string;
  detail: string;
}

/** A request that cannot be answered, and why. */
export class RequestError extends Error {
  readonly status: number;
  readonly faults: Fault[];
  /** What the answer has beside its type and length. */
  readonly headers: Record<string, string>;

  constructor(status: number, detail: string, faults: Fault[] = [], headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.faults = faults;
    this.headers = headers;
  }
}

/** A request with one wrong place in its body. */
export function bodyError(pointer: string, detail: string): RequestError {
  return new RequestError(400, `${pointer || 'the body'} ${detail}`, [{ pointer, detail }]);
}

/** An answer before anything is sent of it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * The answer that tells of an error: problem+json (RFC 9457), whose `errors` name the fields; at the paths of the Open Inference
 * Protocol that protocol's `{"error"}`.
 * @param path what was asked for; any other than the protocol's where it cannot be read
 */
export function formatError({ status, message, faults, headers }: RequestError, path = '/'): Answer {
  const [first] = faults;
  const [type, content] = /^\/v2([/?]|$)/.test(path)
    ? ['application/json', { error: message }]
    : [
        'application/problem+json',
        {
          type: 'about:blank',
          title: STATUS_CODES[status],
          status,
          detail: message,
          ...(first?.parameter && { parameter: first.parameter }),
          ...(first && { errors: faults }),
        },
      ];
  const body = JSON.stringify(content);
  const length = String(Buffer.byteLength(body));
  return { status, headers: { ...headers, 'content-type': type, 'content-length': length }, body };
}
