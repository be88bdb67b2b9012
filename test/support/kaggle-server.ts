import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Answers a request instead of the server. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server like Kaggle's: the API redirects to a storage server with another origin. */
export interface Kaggle {
  url: string;
  /** The requests to each server, in order. */
  api: IncomingMessage[];
  storage: IncomingMessage[];
  /** The first answers of each server, before its usual ones. */
  apiAnswers: Answer[];
  storageAnswers: Answer[];
  content: Buffer;
}

export async function startKaggle(content: Buffer): Promise<Kaggle> {
  const kaggle: Kaggle = {
    url: '',
    api: [],
    storage: [],
    apiAnswers: [],
    storageAnswers: [],
    content,
  };
  const storage = await listen((request, response) => {
    kaggle.storage.push(request);
    (kaggle.storageAnswers.shift() ?? sendContent(kaggle))(request, response);
  });
  kaggle.url = await listen((request, response) => {
    kaggle.api.push(request);
    const redirect: Answer = () => response.writeHead(302, { Location: `${storage}/signed?once=1` }).end();
    (kaggle.apiAnswers.shift() ?? redirect)(request, response);
  });
  return kaggle;
}

/**
 * Sends the file, or the rest of it, as the storage does. The connection breaks after `cutAfter`
 * bytes.
 */
export function sendContent({ content }: Pick<Kaggle, 'content'>, cutAfter?: number): Answer {
  return (request, response) => {
    const etag = `"${createHash('sha1').update(content).digest('hex')}"`;
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isPartial = start > 0 && request.headers['if-range'] === etag;
    const body = content.subarray(isPartial ? start : 0);
    response.writeHead(isPartial ? 206 : 200, {
      'Content-Type': 'application/zip',
      'Content-Length': body.length,
      ETag: etag,
      'X-Goog-Hash': `crc32c=AAAAAA==, md5=${createHash('md5').update(content).digest('base64')}`,
      ...(isPartial && { 'Content-Range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    if (cutAfter === undefined) response.end(body);
    else response.write(body.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 200));
  };
}

/** Answers with a status and no body. */
export function answerWith(status: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => response.writeHead(status, headers).end();
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
