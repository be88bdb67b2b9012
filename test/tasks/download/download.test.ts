import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DownloadOptions, download } from '../../../tasks/download/download.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import type { TaskResult } from '../../../tasks/store/result.ts';
import { runCli, runTask } from '../../support/command.ts';
import { mayMount, runOnDisk } from '../../support/disk.ts';
import {
  csvOfVolumes,
  hashStore,
  makeFolder,
  makeZip,
  runInProcess,
  setClaimedSize,
} from '../../support/fixtures.ts';
import { type Answer, answerWith, sendContent, startKaggle } from '../../support/kaggle-server.ts';

const MEBIBYTE = 2 ** 20;
const CREDENTIALS = { username: 'ana', key: 'very-secret' };

/** A zip with the layout of the Kaggle set, long enough to be sent in parts. */
async function makeArchive(): Promise<Buffer> {
  return readFile(await makeZip({ 'stocks/A.csv': csvOfVolumes(...Array(3000).keys()) }));
}

async function downloadInto(store: string, options: Partial<DownloadOptions>): Promise<TaskResult> {
  return runInProcess(download, { dataset: 'ana/prices', url: '', firstWaitMs: 1, ...options }, store);
}

function archiveOf(result: TaskResult): Promise<Buffer> {
  return readFile(String(result.outputs[0]?.uri));
}

describe('a download', () => {
  test('follows the redirect and keeps the zip unchanged', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.api[0]?.url).toBe('/api/v1/datasets/download/ana/prices');
    expect(result.status).toBe('done');
    expect(result.metrics).toEqual({ files: 2 });
    expect(result.outputs[0]).toMatchObject({ name: 'raw', format: 'zip', bytes: kaggle.content.length });
    expect(await archiveOf(result)).toEqual(kaggle.content);
  });

  test('is up to date if the store has the version, and gets a newer one', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    const first = await downloadInto(store, { url: kaggle.url });
    const before = await hashStore(store);
    expect((await downloadInto(store, { url: kaggle.url })).status).toBe('up_to_date');
    expect(await hashStore(store)).toEqual(before);
    kaggle.content = await readFile(await makeZip({ 'stocks/B.csv': csvOfVolumes(1) }));
    const newer = await downloadInto(store, { url: kaggle.url });
    expect(newer.status).toBe('done');
    expect(newer.outputs[0]?.key).not.toBe(first.outputs[0]?.key);
  });

  test('sends the credentials to the API and not to the storage', async () => {
    const kaggle = await startKaggle(await makeArchive());
    await downloadInto(await makeFolder(), { url: kaggle.url, credentials: CREDENTIALS });
    expect(kaggle.api[0]?.headers.authorization).toBe(`Basic ${btoa('ana:very-secret')}`);
    expect(kaggle.storage[0]?.headers.authorization).toBeUndefined();
  });

  test('sends a name and key with any characters', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answerWith(401));
    const credentials = { username: 'aña', key: '“key”' };
    const downloading = downloadInto(makeFolder(), { url: kaggle.url, credentials });
    await expect(downloading).rejects.toThrow(
      /status 401: access denied\. Check KAGGLE_USERNAME and KAGGLE_KEY/,
    );
    // By Python: base64.b64encode('aña:“key”'.encode())
    expect(kaggle.api[0]?.headers.authorization).toBe('Basic YcOxYTrigJxrZXnigJ0=');
  });

  test('continues where the connection broke', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), sendContent(kaggle, 500));
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=1000-',
      'bytes=1500-',
    ]);
    expect(await archiveOf(result)).toEqual(kaggle.content);
  });

  test('continues where an earlier run stopped', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), ...Array<Answer>(5).fill(answerWith(500)));
    await expect(downloadInto(store, { url: kaggle.url })).rejects.toThrow(
      /cannot download ana\/prices: .* answers with status 500/,
    );
    kaggle.storage.length = 0;
    const result = await downloadInto(store, { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-']);
    expect(await archiveOf(result)).toEqual(kaggle.content);
  });

  test('starts again if the file has changed', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const newer = await readFile(await makeZip({ 'stocks/B.csv': csvOfVolumes(...Array(100).keys()) }));
    const cut = sendContent({ content: kaggle.content }, 1000);
    kaggle.storageAnswers.push((request, response) => {
      kaggle.content = newer;
      cut(request, response);
    });
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(await archiveOf(result)).toEqual(newer);
  });

  test('removes partial archives of the dataset, and not those of others', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    for (const dataset of ['ana/prices', 'ana/rates']) {
      kaggle.storageAnswers.push(sendContent(kaggle, 1000), ...Array<Answer>(5).fill(answerWith(500)));
      await expect(downloadInto(store, { url: kaggle.url, dataset })).rejects.toThrow(
        /answers with status 500/,
      );
    }
    kaggle.content = await readFile(await makeZip({ 'stocks/B.csv': csvOfVolumes(1) }));
    await downloadInto(store, { url: kaggle.url });
    const parts = Object.keys(hashStore(store)).filter((name) => name.startsWith('raw/partial/'));
    expect(parts).toEqual([expect.stringMatching(/^raw\/partial\/ana\/rates\/[0-9a-f]{16}\.zip$/)]);
  });

  test('starts again if the server refuses the range', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), answerWith(416));
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-', undefined]);
    expect(await archiveOf(result)).toEqual(kaggle.content);
  });

  test('starts again if the server sent more than it announced', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const usual = sendContent(kaggle);
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), (request, response) => {
      const writeHead = response.writeHead.bind(response);
      const end = response.end.bind(response);
      response.writeHead = ((status: number, { 'Content-Length': _, ...headers }: OutgoingHttpHeaders) =>
        writeHead(status, headers)) as never;
      response.end = ((rest: Buffer) => end(Buffer.concat([rest, Buffer.alloc(10)]))) as never;
      usual(request, response);
    });
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-', undefined]);
    expect(await archiveOf(result)).toEqual(kaggle.content);
  });

  test('waits for another download to the same store, and is then up to date', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    let requests = 0;
    kaggle.storageAnswers.push((request, response) => {
      setTimeout(() => {
        requests = kaggle.api.length;
        sendContent(kaggle)(request, response);
      }, 300);
    });
    const both = await Promise.all([1, 2].map(() => downloadInto(store, { url: kaggle.url })));
    expect(requests).toBe(1);
    expect(both.map(({ status }) => status).sort()).toEqual(['done', 'up_to_date']);
  });

  test.each([
    ['500', answerWith(500)],
    ['503', answerWith(503)],
    ['a closed connection', ((request) => request.socket.destroy()) as Answer],
  ])('tries again after %s', async (_what, answer) => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answer, answer);
    expect((await downloadInto(await makeFolder(), { url: kaggle.url })).status).toBe('done');
    expect(kaggle.api.length).toBe(3);
  });

  test('waits as long as the server asks', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answerWith(429, { 'Retry-After': '1' }));
    const started = performance.now();
    await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  test('waits until the date that the server sends', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push((request, response) => {
      const date = new Date(Date.now() + 2_000).toUTCString();
      answerWith(429, { 'Retry-After': date })(request, response);
    });
    const started = performance.now();
    await downloadInto(await makeFolder(), { url: kaggle.url });
    // A date has whole seconds: it is one to two seconds away.
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  test('stops if the server asks to wait for an hour', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answerWith(429, { 'Retry-After': '3600' }));
    const downloading = downloadInto(await makeFolder(), { url: kaggle.url });
    await expect(downloading).rejects.toThrow(/the server asks to wait for 3600 s/);
    await expect(downloading).rejects.not.toThrow(PermanentError);
  });

  test('stops after six failures in a row', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(...Array<Answer>(9).fill(answerWith(502)));
    await expect(downloadInto(await makeFolder(), { url: kaggle.url })).rejects.toThrow(
      /answers with status 502/,
    );
    expect(kaggle.api.length).toBe(6);
  });

  test.each<[string, Answer, RegExp]>([
    ['401', answerWith(401), /status 401: access denied\. Set KAGGLE_USERNAME and KAGGLE_KEY/],
    ['403', answerWith(403), /status 403: access denied\. Set KAGGLE_USERNAME/],
    ['404', answerWith(404), /status 404: not found\. Check --dataset/],
    ['400', answerWith(400), /answers with status 400\. The address may have changed/],
    [
      'a web page',
      (_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>'),
      /sends a web page instead of a zip\. Set KAGGLE_USERNAME/,
    ],
  ])('is not tried again after %s', async (_what, answer, message) => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answer);
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: kaggle.url });
    await expect(downloading).rejects.toThrow(message);
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(await hashStore(store)).toEqual({});
  });

  test.each<[string, (zip: Buffer) => Buffer]>([
    ['is truncated', (zip) => zip.subarray(0, 2000)],
    ['is not a zip', () => Buffer.from('prices')],
    [
      'has a changed byte in a file',
      (zip) => {
        const copy = Buffer.from(zip);
        const position = copy.indexOf('stocks/A.csv') + 100;
        copy.writeUInt8(copy.readUInt8(position) ^ 0xff, position);
        return copy;
      },
    ],
  ])('publishes nothing if the zip %s', async (_what, damage) => {
    const kaggle = await startKaggle(damage(await makeArchive()));
    const store = await makeFolder();
    await expect(downloadInto(store, { url: kaggle.url })).rejects.toThrow(/the zip is damaged/);
    expect(await hashStore(store)).toEqual({});
  });

  test.each<[string, (zip: Buffer) => Buffer, string]>([
    [
      'has a file name that leads out of its folder',
      (zip) => replaceName(zip, 'stocks/A.csv', '../../../x.c'),
      'the name of a file leads out of its folder; do not use this zip',
    ],
    [
      'has a file packed by LZMA',
      (zip) => writeHeader(zip, 10, 14),
      'stocks/A.csv is packed by method 14, but only stored and deflated files can be read; download the zip with a browser',
    ],
    [
      'has an encrypted file',
      (zip) => writeHeader(zip, 8, 1),
      'stocks/A.csv is encrypted, but only stored and deflated files can be read',
    ],
    [
      'is a web page',
      () => Buffer.from('<!DOCTYPE html><title>Sign in</title>'),
      'this is a web page, not a zip',
    ],
  ])('sends one request and publishes nothing if the zip %s', async (_what, damage, message) => {
    const kaggle = await startKaggle(damage(await makeArchive()));
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: kaggle.url });
    await expect(downloading).rejects.toThrow(message);
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(kaggle.storage.length).toBe(1);
    expect(await hashStore(store)).toEqual({});
  });

  test('downloads again if the checksum is wrong', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const usual = sendContent(kaggle);
    kaggle.storageAnswers.push((request, response) => {
      const end = response.end.bind(response);
      response.end = ((body: Buffer) => end(Buffer.alloc(body.length))) as never;
      usual(request, response);
    });
    const result = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(await archiveOf(result)).toEqual(kaggle.content);
    expect(kaggle.storage.length).toBe(2);
  });

  test('refuses a zip that would unpack to more than the limit', async () => {
    const names = Array.from({ length: 13 }, (_, index) => `stocks/A${index}.csv`);
    const zip = await readFile(
      await makeZip(Object.fromEntries(names.map((name) => [name, csvOfVolumes(1)]))),
    );
    for (const name of names) setClaimedSize(zip, name, 0xfffffff0);
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: (await startKaggle(zip)).url });
    await expect(downloading).rejects.toThrow(/would unpack to 558\d+ bytes; the limit is 53687091200/);
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(hashStore(store)).toEqual({});
  });

  test.each([
    ['less', 100],
    ['more', 0xfffffff0],
  ])('refuses a zip that unpacks to %s than its directory states', async (_what, bytes) => {
    const zip = await makeArchive();
    setClaimedSize(zip, 'stocks/A.csv', bytes);
    const kaggle = await startKaggle(zip);
    await expect(downloadInto(await makeFolder(), { url: kaggle.url })).rejects.toThrow(/the zip is damaged/);
  });
});

describe('the command line', () => {
  test('takes credentials from the environment and does not print them', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answerWith(403));
    const store = await makeFolder();
    const { code, stdout, stderr } = await runCli(
      ['download', '--store', store, '--kaggle-url', kaggle.url, '--log-level', 'debug'],
      { KAGGLE_USERNAME: 'ana', KAGGLE_KEY: 'very-secret' },
    );
    expect(code).toBe(2);
    expect(kaggle.api[0]?.headers.authorization).toBe(`Basic ${btoa('ana:very-secret')}`);
    const log = await readFile(join(store, 'logs/download.log'), 'utf8');
    for (const text of [stdout, stderr, log]) {
      expect(text).not.toContain('very-secret');
      expect(text).not.toContain(btoa('ana:very-secret'));
    }
  });

  test('refuses a dataset that is not owner/name', async () => {
    const { code, message } = await runCli([
      'download',
      '--dataset',
      '../etc',
      '--store',
      await makeFolder(),
    ]);
    expect({ code, message }).toEqual({ code: 2, message: expect.stringContaining('use owner/name') });
  });

  test.skipIf(!mayMount())('stops if the disk is too small for the rest', async () => {
    const kaggle = await startKaggle(Buffer.alloc(2 * MEBIBYTE));
    const { code, message } = await runOnDisk('size=1m', downloadOnDisk(kaggle.url));
    expect(message).toMatch(
      /store\/raw\/partial\/[^:]*: the download needs 2 MiB, but only [01] MiB are free\. Free some space/,
    );
    expect(code).toBe(2);
  });

  test.skipIf(!mayMount())('stops if the disk fills up', async () => {
    const kaggle = await startKaggle(Buffer.alloc(0));
    kaggle.storageAnswers.push((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/zip' });
      response.end(Buffer.alloc(80 * MEBIBYTE));
    });
    const { code, message, stdout } = await runOnDisk(
      'size=70m',
      `${downloadOnDisk(kaggle.url)}; code=$?; ls $DISK/store/raw; exit $code`,
    );
    expect(message).toContain('no space left on the device; free some, or use a larger disk');
    expect(code).toBe(2);
    expect(stdout.trim().split('\n').at(-1)).toBe('partial');
  });

  test('makes ingest read the downloaded zip', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    const raw = await runTask(['download', '--store', store, '--kaggle-url', kaggle.url]);
    const prices = await runTask(['ingest', '--store', store, '--shards', '2']);
    expect(prices.inputs[0]).toMatchObject({ uri: raw.outputs[0]?.uri, rows: 3000 });
    const origin = await readFile(join(String(prices.outputs[0]?.uri), 'raw.json'), 'utf8');
    expect(JSON.parse(origin)).toEqual({ key: raw.outputs[0]?.key });
  });
});

function downloadOnDisk(url: string): string {
  return `node tasks/cli.ts download --store $DISK/store --kaggle-url ${url}`;
}

/** Replaces a file name by one of the same length. */
function replaceName(zip: Buffer, name: string, other: string): Buffer {
  return Buffer.from(zip.toString('latin1').replaceAll(name, other), 'latin1');
}

/** Writes 16 bits at an offset into the header of stocks/A.csv in a zip's directory. */
function writeHeader(zip: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(zip);
  copy.writeUInt16LE(value, copy.lastIndexOf('stocks/A.csv') - 46 + offset);
  return copy;
}
