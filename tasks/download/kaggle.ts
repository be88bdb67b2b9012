import { PermanentError } from '../lib/errors.ts';

export interface Credentials {
  username: string;
  key: string;
}

/** A dataset's zip as a server sends it. */
export interface RemoteArchive {
  /** ETag, or else the time of the last change, or else empty. */
  version: string;
  /** Of the whole file; undefined if the server does not send it. */
  bytes: number | undefined;
  /** In Base64; undefined if the server does not send it. */
  md5: string | undefined;
  /** The position in the file of the body's first byte. */
  from: number;
  body: ReadableStream<Uint8Array>;
}

/**
 * A failure after which a second try can succeed. `afterMs` is how long the server asks to wait.
 */
export class TransientError extends Error {
  readonly afterMs: number | undefined;

  constructor(message: string, afterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** The file on the server is shorter than what was received of it: it is another file. */
export class RangeRefusedError extends TransientError {}

/**
 * Requests a dataset's zip: from byte `from` on if it is still of `version`, or else all of it.
 * Kaggle redirects to its storage. fetch follows, and does not send the credentials there.
 * @throws PermanentError if a second try cannot succeed
 * @throws TransientError if it can
 */
export async function requestArchive(
  url: string,
  credentials: Credentials | undefined,
  { from, version }: { from: number; version: string },
  signal: AbortSignal,
): Promise<RemoteArchive> {
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
    throw new TransientError(`${url} cannot be reached`, undefined, { cause });
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    if (response.status === 416 && from > 0)
      throw new RangeRefusedError(`${url} has nothing after byte ${from} (status 416)`);
    throw statusError(url, response, credentials !== undefined);
  }
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body.cancel();
    throw new PermanentError(
      `${url} sends a web page instead of a zip. Set KAGGLE_USERNAME and KAGGLE_KEY, or download the zip with a browser and give it to ingest --source.`,
    );
  }
  return readResponse(response, response.body);
}

function readResponse({ status, headers }: Response, body: ReadableStream<Uint8Array>): RemoteArchive {
  const length = headers.get('content-length');
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
  const isPartial = status === 206 && range !== null;
  return {
    version: headers.get('etag') ?? headers.get('last-modified') ?? '',
    bytes: isPartial ? Number(range[2]) : length ? Number(length) : undefined,
    md5: /\bmd5=([\w+/]+=*)/.exec(headers.get('x-goog-hash') ?? '')?.[1],
    from: isPartial ? Number(range[1]) : 0,
    body,
  };
}

function statusError(url: string, { status, headers }: Response, hasCredentials: boolean): Error {
  const message = `${url} answers with status ${status}`;
  const remedy = hasCredentials
    ? 'Check KAGGLE_USERNAME and KAGGLE_KEY, and accept the terms of the dataset on its page.'
    : 'Set KAGGLE_USERNAME and KAGGLE_KEY; the settings page of a Kaggle account has both.';
  if (status === 401 || status === 403) return new PermanentError(`${message}: access denied. ${remedy}`);
  if (status === 404) return new PermanentError(`${message}: not found. Check --dataset owner/name.`);
  if (status === 408 || status === 429 || status >= 500)
    return new TransientError(message, retryAfter(headers.get('retry-after')));
  return new PermanentError(
    `${message}. The address may have changed: download the zip with a browser, and give it to ingest --source.`,
  );
}

/** Converts Retry-After, in seconds or as a date, to milliseconds from now. */
function retryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}
