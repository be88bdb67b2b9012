/** What is wrong with one field: a query parameter by name, a place in a body by JSON pointer (RFC 6901). */
export interface Fault {
  parameter?: string;
  pointer?: string;
  detail: string;
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** A request that cannot be answered, and why. */
export class RequestError extends Error {
  readonly status: number;
  readonly faults: Fault[];

  constructor(status: number, detail: string, faults: Fault[] = []) {
    super(detail);
    this.status = status;
    this.faults = faults;
  }
}

/** A request with one wrong query parameter. */
export function parameterError(parameter: string, reason: string): RequestError {
  const detail = `${parameter} ${reason}`;
  return new RequestError(400, detail, [{ parameter, detail }]);
}

/** A request with one wrong place in its body. */
export function bodyError(pointer: string, detail: string): RequestError {
  return new RequestError(400, `${pointer || 'the body'} ${detail}`, [{ pointer, detail }]);
}

/** Whether what fails at this path is told as the Open Inference Protocol has it, `{"error"}`, rather than as problem+json. */
export function isProtocol(path: string): boolean {
  return path === '/v2' || path.startsWith('/v2/');
}

/** An error as RFC 9457 has it; `errors` names the fields. */
export function problem(
  { status, message, faults }: RequestError,
  headers: Record<string, string> = {},
): Response {
  const [first] = faults;
  return Response.json(
    {
      type: 'about:blank',
      title: TITLES[status] ?? 'Error',
      status,
      detail: message,
      ...(first?.parameter && { parameter: first.parameter }),
      ...(first && { errors: faults }),
    },
    { status, headers: { ...headers, 'content-type': 'application/problem+json' } },
  );
}
