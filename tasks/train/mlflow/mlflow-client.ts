const TIMEOUT_MS = 10_000;

/** Where MLflow is, and how to get in. Nothing but the address is ever logged. */
export interface MlflowServer {
  /** http or https; a name and a password in it are used as if given apart. */
  uri: string;
  experiment: string;
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
}

/** Where the REST API is, without credentials, and the headers that carry them. */
export interface Connection {
  api: string;
  headers: Record<string, string>;
}

/**
 * Asks MLflow's REST API: GET without a body, else POST.
 * @throws MlflowError when it refuses, or what fetch throws
 */
export async function callMlflow<Answer>(
  { api, headers }: Connection,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${api}/${path}`, {
    headers,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as Answer;
  const { error_code, message = text.slice(0, 200) } = parse(text);
  throw new MlflowError(`${path.split('?')[0]}: ${response.status} ${message}`, error_code);
}

/** What MLflow answers when it refuses. */
export class MlflowError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** @throws Error when the address is no http address */
export function connectionOf({ uri, username, password, token }: MlflowServer): Connection {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error('MLFLOW_TRACKING_URI is no http or https address');
  const name = username ?? decodeURIComponent(url.username);
  const secret = password ?? decodeURIComponent(url.password);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  else if (name) headers.authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
  const api = `${url.origin}${url.pathname.replace(/\/$/, '')}/api/2.0/mlflow`;
  return { api, headers };
}

/** Whether MLflow refused with this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof MlflowError && error.code === code;
}

function parse(text: string): { error_code?: string; message?: string } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
