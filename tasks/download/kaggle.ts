import { PermanentError } from '../lib/errors.ts';

export interface Credentials {
  username: string;
  key: string;
}

/** What a server says of the file that it sends. */
export interface Remote {
  /** Names the version: ETag, else the time of its last change. Empty where the server tells neither. */
  version: string;
  /** Of the whole file; undefined where the server does not tell. */
  bytes: number | undefined;
  /** Base64, where the server tells it. */
  md5: string | undefined;
  /** Where in the file the body begins. */
  from: number;
  body: ReadableStream<Uint8Array>;
}

/** A refusal that may pass; `afterMs` is when the server asks to be asked again, if it does. */
export class TryAgain extends Error {
  readonly afterMs: number | undefined;

  constructor(message: string, afterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** The server has no such part: what is held of the file is not the beginning of what is there now. */
export class PartRefused extends TryAgain {}

/**
 * Asks for a dataset's zip, from `from` on if it is still of `version`, else from its beginning.
 * Kaggle answers with a redirect to its storage; fetch follows it, and leaves the credentials behind.
 * @throws PermanentError where asking again cannot help, TryAgain where it can
 */
export async function requestArchive(
  url: string,
  credentials: Credentials | undefined,
  { from, version }: { from: number; version: string },
  signal: AbortSignal,
): Promise<Remote> {
  const headers = new Headers({
    Accept: 'application/zip, application/octet-stream',
    'Accept-Encoding': 'identity',
  });
  if (credentials) {
    const text = `${credentials.username}:${credentials.key}`;
    headers.set('Authorization', `Basic ${Buffer.from(text).toString('base64')}`);
  }
  if (from > 0) {
    headers.set('Range', `bytes=${from}-`);
    headers.set('If-Range', version);
  }
  const response = await fetch(url, { headers, signal }).catch((cause) => {
    throw new TryAgain(`${url} cannot be reached`, undefined, { cause });
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    if (response.status === 416 && from > 0)
      throw new PartRefused(`${url} has nothing from byte ${from} on (416)`);
    throw refusal(url, response, credentials !== undefined);
  }
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body.cancel();
    throw new PermanentError(
      `${url} answers with a web page instead of a zip; set KAGGLE_USERNAME and KAGGLE_KEY, or fetch the zip with a browser and give it to ingest --source`,
    );
  }
  return describe(response, response.body);
}

function describe({ status, headers }: Response, body: ReadableStream<Uint8Array>): Remote {
  const length = headers.get('content-length');
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
  const isPart = status === 206 && range !== null;
  return {
    version: headers.get('etag') ?? headers.get('last-modified') ?? '',
    bytes: isPart ? Number(range[2]) : length ? Number(length) : undefined,
    md5: /\bmd5=([\w+/]+=*)/.exec(headers.get('x-goog-hash') ?? '')?.[1],
    from: isPart ? Number(range[1]) : 0,
    body,
  };
}

function refusal(url: string, { status, headers }: Response, hasCredentials: boolean): Error {
  const way = hasCredentials
    ? 'check KAGGLE_USERNAME and KAGGLE_KEY, and accept the terms of the dataset on its page'
    : 'set KAGGLE_USERNAME and KAGGLE_KEY, which the settings page of a Kaggle account gives';
  if (status === 401 || status === 403) return new PermanentError(`${url} refuses (${status}); ${way}`);
  if (status === 404) return new PermanentError(`${url} is not there (404); check --dataset owner/name`);
  const message = `${url} answers ${status}`;
  if (status === 408 || status === 429 || status >= 500)
    return new TryAgain(message, retryAfter(headers.get('retry-after')));
  return new PermanentError(`${message}; the address may have changed, so fetch the zip with a browser`);
}

/** Seconds or a date, as milliseconds from now. */
function retryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}
