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
import { type Answer, refuse, sendContent, startKaggle } from '../../support/kaggle-server.ts';

const MEBIBYTE = 2 ** 20;
const CREDENTIALS = { username: 'ana', key: 'very-secret' };

/** A zip of the Kaggle shape, long enough to be cut in two. */
async function makeArchive(): Promise<Buffer> {
  return readFile(await makeZip({ 'stocks/A.csv': csvOfVolumes(...Array(3000).keys()) }));
}

async function downloadInto(store: string, options: Partial<DownloadOptions>): Promise<TaskResult> {
  return runInProcess(download, { dataset: 'ana/prices', url: '', firstWaitMs: 1, ...options }, store);
}

function archiveOf(outcome: TaskResult): Promise<Buffer> {
  return readFile(String(outcome.outputs[0]?.uri));
}

describe('a download', () => {
  test('follows the redirect and keeps the zip as it is', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.api[0]?.url).toBe('/api/v1/datasets/download/ana/prices');
    expect(outcome.status).toBe('done');
    expect(outcome.metrics).toEqual({ files: 2 });
    expect(outcome.outputs[0]).toMatchObject({ name: 'raw', format: 'zip', bytes: kaggle.content.length });
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
  });

  test('is up to date where that version is there, and fetches a newer one', async () => {
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

  test('gives its credentials to the API and not to the storage', async () => {
    const kaggle = await startKaggle(await makeArchive());
    await downloadInto(await makeFolder(), { url: kaggle.url, credentials: CREDENTIALS });
    expect(kaggle.api[0]?.headers.authorization).toBe(`Basic ${btoa('ana:very-secret')}`);
    expect(kaggle.storage[0]?.headers.authorization).toBeUndefined();
  });

  test('sends a name and a key of any letters, and leaves the judgement to the server', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(refuse(401));
    const credentials = { username: 'aña', key: '“key”' };
    const downloading = downloadInto(makeFolder(), { url: kaggle.url, credentials });
    await expect(downloading).rejects.toThrow(/refuses \(401\); check KAGGLE_USERNAME and KAGGLE_KEY/);
    // By Python: base64.b64encode('aña:“key”'.encode())
    expect(kaggle.api[0]?.headers.authorization).toBe('Basic YcOxYTrigJxrZXnigJ0=');
  });

  test('goes on where the connection broke', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), sendContent(kaggle, 500));
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=1000-',
      'bytes=1500-',
    ]);
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
  });

  test('goes on where an earlier run broke off', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), ...Array<Answer>(5).fill(refuse(500)));
    await expect(downloadInto(store, { url: kaggle.url })).rejects.toThrow(
      /cannot be fetched: .* answers 500/,
    );
    kaggle.storage.length = 0;
    const outcome = await downloadInto(store, { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-']);
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
  });

  test('begins anew where the file changed in between', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const newer = await readFile(await makeZip({ 'stocks/B.csv': csvOfVolumes(...Array(100).keys()) }));
    const cut = sendContent({ content: kaggle.content }, 1000);
    kaggle.storageAnswers.push((request, response) => {
      kaggle.content = newer;
      cut(request, response);
    });
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(await archiveOf(outcome)).toEqual(newer);
  });

  test('leaves no other part of the dataset behind, and those of others alone', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    for (const dataset of ['ana/prices', 'ana/rates']) {
      kaggle.storageAnswers.push(sendContent(kaggle, 1000), ...Array<Answer>(5).fill(refuse(500)));
      await expect(downloadInto(store, { url: kaggle.url, dataset })).rejects.toThrow(/answers 500/);
    }
    kaggle.content = await readFile(await makeZip({ 'stocks/B.csv': csvOfVolumes(1) }));
    await downloadInto(store, { url: kaggle.url });
    const parts = Object.keys(hashStore(store)).filter((name) => name.startsWith('raw/partial/'));
    expect(parts).toEqual([expect.stringMatching(/^raw\/partial\/ana\/rates\/[0-9a-f]{16}\.zip$/)]);
  });

  test('begins anew where the server has nothing from there on', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.storageAnswers.push(sendContent(kaggle, 1000), refuse(416));
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-', undefined]);
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
  });

  test('begins anew where more came than the server said', async () => {
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
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(kaggle.storage.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-', undefined]);
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
  });

  test('waits until another into the same store is done, and then has nothing to fetch', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const store = await makeFolder();
    let asked = 0;
    kaggle.storageAnswers.push((request, response) => {
      setTimeout(() => {
        asked = kaggle.api.length;
        sendContent(kaggle)(request, response);
      }, 300);
    });
    const both = await Promise.all([1, 2].map(() => downloadInto(store, { url: kaggle.url })));
    expect(asked).toBe(1);
    expect(both.map(({ status }) => status).sort()).toEqual(['done', 'up_to_date']);
  });

  test.each([
    ['500', refuse(500)],
    ['503', refuse(503)],
    ['a closed connection', ((request) => request.socket.destroy()) as Answer],
  ])('tries again after %s', async (_what, answer) => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answer, answer);
    expect((await downloadInto(await makeFolder(), { url: kaggle.url })).status).toBe('done');
    expect(kaggle.api.length).toBe(3);
  });

  test('waits as long as the server asks', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(refuse(429, { 'Retry-After': '1' }));
    const started = performance.now();
    await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  test('waits until the day and second that the server names', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push((request, response) => {
      const date = new Date(Date.now() + 2_000).toUTCString();
      refuse(429, { 'Retry-After': date })(request, response);
    });
    const started = performance.now();
    await downloadInto(await makeFolder(), { url: kaggle.url });
    // A date has no part of a second: it is one to two seconds away.
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  test('ends rather than wait for an hour', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(refuse(429, { 'Retry-After': '3600' }));
    const downloading = downloadInto(await makeFolder(), { url: kaggle.url });
    await expect(downloading).rejects.toThrow(/asks to be left alone for 3600 s/);
    await expect(downloading).rejects.not.toThrow(PermanentError);
  });

  test('ends after six failures in a row', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(...Array<Answer>(9).fill(refuse(502)));
    await expect(downloadInto(await makeFolder(), { url: kaggle.url })).rejects.toThrow(/answers 502/);
    expect(kaggle.api.length).toBe(6);
  });

  test.each<[string, Answer, RegExp]>([
    ['401', refuse(401), /refuses \(401\); set KAGGLE_USERNAME and KAGGLE_KEY/],
    ['403', refuse(403), /refuses \(403\); set KAGGLE_USERNAME/],
    ['404', refuse(404), /is not there \(404\); check --dataset/],
    ['400', refuse(400), /answers 400; the address may have changed/],
    [
      'a web page',
      (_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>'),
      /answers with a web page instead of a zip; set KAGGLE_USERNAME/,
    ],
  ])('is refused for good by %s', async (_what, answer, message) => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(answer);
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: kaggle.url });
    await expect(downloading).rejects.toThrow(message);
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(await hashStore(store)).toEqual({});
  });

  test.each<[string, (zip: Buffer) => Buffer]>([
    ['is cut short', (zip) => zip.subarray(0, 2000)],
    ['is no zip', () => Buffer.from('prices')],
    [
      'has another byte in a file',
      (zip) => {
        const copy = Buffer.from(zip);
        const position = copy.indexOf('stocks/A.csv') + 100;
        copy.writeUInt8(copy.readUInt8(position) ^ 0xff, position);
        return copy;
      },
    ],
  ])('publishes nothing where the zip %s', async (_what, damage) => {
    const kaggle = await startKaggle(damage(await makeArchive()));
    const store = await makeFolder();
    await expect(downloadInto(store, { url: kaggle.url })).rejects.toThrow(/the zip is damaged/);
    expect(await hashStore(store)).toEqual({});
  });

  test.each<[string, (zip: Buffer) => Buffer, string]>([
    [
      'leads out of its folder',
      (zip) => replaceName(zip, 'stocks/A.csv', '../../../x.c'),
      'holds a file whose name leads out of its folder; do not use it',
    ],
    [
      'holds a file packed by LZMA',
      (zip) => writeHeader(zip, 10, 14),
      'stocks/A.csv is packed by method 14, but only stored and deflated files are read; fetch the zip with a browser',
    ],
    [
      'holds an encrypted file',
      (zip) => writeHeader(zip, 8, 1),
      'stocks/A.csv is encrypted, but only stored and deflated files are read',
    ],
    [
      'is a web page',
      () => Buffer.from('<!DOCTYPE html><title>Sign in</title>'),
      'is a web page instead of a zip',
    ],
  ])('asks once and publishes nothing where the zip %s', async (_what, damage, message) => {
    const kaggle = await startKaggle(damage(await makeArchive()));
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: kaggle.url });
    await expect(downloading).rejects.toThrow(message);
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(kaggle.storage.length).toBe(1);
    expect(await hashStore(store)).toEqual({});
  });

  test('fetches again what the checksum shows to be damaged', async () => {
    const kaggle = await startKaggle(await makeArchive());
    const usual = sendContent(kaggle);
    kaggle.storageAnswers.push((request, response) => {
      const end = response.end.bind(response);
      response.end = ((body: Buffer) => end(Buffer.alloc(body.length))) as never;
      usual(request, response);
    });
    const outcome = await downloadInto(await makeFolder(), { url: kaggle.url });
    expect(await archiveOf(outcome)).toEqual(kaggle.content);
    expect(kaggle.storage.length).toBe(2);
  });

  test('refuses a zip that would unpack to far more than a dataset', async () => {
    const names = Array.from({ length: 13 }, (_, index) => `stocks/A${index}.csv`);
    const zip = await readFile(
      await makeZip(Object.fromEntries(names.map((name) => [name, csvOfVolumes(1)]))),
    );
    for (const name of names) setClaimedSize(zip, name, 0xfffffff0);
    const store = await makeFolder();
    const downloading = downloadInto(store, { url: (await startKaggle(zip)).url });
    await expect(downloading).rejects.toThrow(
      /would unpack to 558\d+ bytes; more than 53687091200 are not taken/,
    );
    await expect(downloading).rejects.toThrow(PermanentError);
    expect(hashStore(store)).toEqual({});
  });

  test.each([
    ['less', 100],
    ['more', 0xfffffff0],
  ])('does not believe a zip that unpacks to %s than it says', async (_what, bytes) => {
    const zip = await makeArchive();
    setClaimedSize(zip, 'stocks/A.csv', bytes);
    const kaggle = await startKaggle(zip);
    await expect(downloadInto(await makeFolder(), { url: kaggle.url })).rejects.toThrow(/the zip is damaged/);
  });
});

describe('the command line', () => {
  test('takes credentials from the environment and tells nobody', async () => {
    const kaggle = await startKaggle(await makeArchive());
    kaggle.apiAnswers.push(refuse(403));
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

  test('refuses a dataset that is no owner/name', async () => {
    const { code, message } = await runCli([
      'download',
      '--dataset',
      '../etc',
      '--store',
      await makeFolder(),
    ]);
    expect({ code, message }).toEqual({ code: 2, message: expect.stringContaining('use owner/name') });
  });

  test.skipIf(!mayMount())('ends where the disk is too small for what is to come', async () => {
    const kaggle = await startKaggle(Buffer.alloc(2 * MEBIBYTE));
    const { code, message } = await runOnDisk('size=1m', downloadOnDisk(kaggle.url));
    expect(message).toMatch(
      /store\/raw\/partial\/[^:]*: 2 MiB are to come, but only [01] MiB are free; free some/,
    );
    expect(code).toBe(2);
  });

  test.skipIf(!mayMount())('ends where the disk fills up on the way', async () => {
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

  test('makes ingest take what was downloaded', async () => {
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

/** Puts a name of the same length in place of another, wherever a zip says it. */
function replaceName(zip: Buffer, name: string, other: string): Buffer {
  return Buffer.from(zip.toString('latin1').replaceAll(name, other), 'latin1');
}

/** Writes 16 bits so many bytes after the start of the header of stocks/A.csv in a zip's directory. */
function writeHeader(zip: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(zip);
  copy.writeUInt16LE(value, copy.lastIndexOf('stocks/A.csv') - 46 + offset);
  return copy;
}
