const TIMEOUT_MS = 10_000;

/** Where MLflow is, and its credentials. Only the address is ever logged. */
export interface MlflowServer {
  /** http or https. A name and a password in it are used where the fields below are not given. */
  uri: string;
  experiment: string;
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
}

export interface MlflowConnection {
  /** The address of the REST API, without credentials. */
  api: string;
  /** With the credentials. */
  headers: Record<string, string>;
}

/**
 * Calls MLflow's REST API: GET without a body, otherwise POST.
 * @throws MlflowError when MLflow refuses, or what fetch throws
 */
export async function callMlflow<Answer>(
  { api, headers }: MlflowConnection,
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
  const { error_code, message = text.slice(0, 200) } = parseMlflowError(text);
  throw new MlflowError(`${path.split('?')[0]}: ${response.status} ${message}`, error_code);
}

/** MLflow's answer when it refuses. */
export class MlflowError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** @throws Error when the address is not an http or https address */
export function connectionTo({ uri, username, password, token }: MlflowServer): MlflowConnection {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error('MLFLOW_TRACKING_URI is not an http or https address');
  const name = username ?? decodeURIComponent(url.username);
  const secret = password ?? decodeURIComponent(url.password);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  else if (name) headers.authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
  const api = `${url.origin}${url.pathname.replace(/\/$/, '')}/api/2.0/mlflow`;
  return { api, headers };
}

/** Whether MLflow refused with this error code. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof MlflowError && error.code === code;
}

function parseMlflowError(text: string): { error_code?: string; message?: string } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
