import { STATUS_CODES } from 'node:http';

/** What is wrong with a query parameter, or a place in a body as a JSON pointer (RFC 6901). */
export interface FieldError {
  parameter?: string;
  pointer?: string;
  detail: string;
}

/** An error that the client gets as the answer. */
export class RequestError extends Error {
  readonly status: number;
  readonly fieldErrors: FieldError[];
  /** Headers of the answer, in addition to type and length. */
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    detail: string,
    fieldErrors: FieldError[] = [],
    headers: Record<string, string> = {},
  ) {
    super(detail);
    this.status = status;
    this.fieldErrors = fieldErrors;
    this.headers = headers;
  }
}

/** A 400 for one wrong place in a body. */
export function bodyError(pointer: string, detail: string): RequestError {
  return new RequestError(400, `${pointer || 'the body'} ${detail}`, [{ pointer, detail }]);
}

export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * The answer for an error: problem+json (RFC 9457) whose `errors` name the fields, or `{"error"}`
 * at the paths of the Open Inference Protocol.
 * @param path of the request; leave it out if it cannot be read
 */
export function formatError(
  { status, message, fieldErrors, headers }: RequestError,
  path = '/',
): ErrorAnswer {
  const [first] = fieldErrors;
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
          ...(first && { errors: fieldErrors }),
        },
      ];
  const body = JSON.stringify(content);
  const length = String(Buffer.byteLength(body));
  return { status, headers: { ...headers, 'content-type': type, 'content-length': length }, body };
}
