import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../../model/model-file.ts';
import { type Running, start, until } from '../../support/command.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { constantModel } from '../../support/tiny-model.ts';

const PREDICT_PATH = '/predict?vol_moving_avg=999&adj_close_rolling_med=1';
const REQUESTS = 'model_infer_request_success_total';
/** Makes a process believe that it is not on Linux. */
const NOT_LINUX_FLAGS = [
  '--import',
  "data:text/javascript,Object.defineProperty(process,'platform',{value:'darwin'})",
];
let store: string;

beforeEach(() => {
  store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
});

it.each([
  ['each listen', [], 2],
  ['get connections from the primary process where the port cannot be shared', NOT_LINUX_FLAGS, 1],
])('answers from both workers, which %s', async (_, flags, listeners) => {
  const { url } = await listen(flags);
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(url, new Agent())));
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['1999']));
  // Request ids begin with a random prefix of their process.
  expect(new Set(answers.map(({ process }) => process)).size).toBe(2);
  expect(countListeners(url)).toBe(listeners);
});

it('merges the metrics of both workers', async () => {
  const { url } = await listen();
  await Promise.all(Array.from({ length: 40 }, () => ask(url, new Agent())));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^model_infer_request_success_total 40$/m);
  expect(metrics).toMatch(/^http_server_request_duration_seconds_count\{.*http_route="\/predict".*\} 40$/m);
});

it('measures drift on the rows of both workers together', async () => {
  const { url } = await listen();
  const [one, two] = await connectToBoth(url);
  const index = async () =>
    /^model_input_drift_psi\{model_version="2020-01-01"\} (.*)$/m.exec(await scrape(url))?.[1];
  // Training saw one cell of four. One worker gets 6,000 rows of that cell, the other 6,000 rows of
  // another.
  await postRows(url, one, 6_000, 999);
  expect(await index()).toBeUndefined();
  await postRows(url, two, 6_000, 0);
  // About 1/2 each: (1/2 - 1) ln(1/2) + (1/2 - 1e-4) ln(1/2 / 1e-4). The requests that found the
  // workers count, too.
  expect(Number(await index())).toBeCloseTo(0.5 * Math.LN2 + 0.4999 * Math.log(5_000), 1);
});

it('has no counter that falls when a worker is killed and replaced', async () => {
  const { url, running } = await listen();
  await Promise.all(Array.from({ length: 40 }, () => ask(url, new Agent())));
  let before = countersOf(await scrape(url));
  expect(before.get(REQUESTS)).toBe(40);
  const [killed] = workersOf(running);
  process.kill(Number(killed), 'SIGKILL');
  const isWhole = () => workersOf(running).length === 2 && !workersOf(running).includes(killed as string);
  const wrong: string[] = [];
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && !isListening(); ) {
    const text = await scrape(url).catch(() => undefined);
    if (text === undefined) continue;
    const after = countersOf(text);
    for (const [name, count] of before)
      if (!((after.get(name) ?? 0) >= count)) wrong.push(`${name} ${count} ${after.get(name)}`);
    before = after;
  }
  expect(wrong).toEqual([]);
  expect(isListening()).toBe(true);
  await ask(url, new Agent());
  expect(countersOf(await scrape(url)).get(REQUESTS)).toBe(41);

  function isListening(): boolean {
    return isWhole() && countListeners(url) === 2;
  }
});

it('uses the last metrics of a worker that hangs', async () => {
  const { url, running } = await listen();
  const both = await connectToBoth(url);
  const total = countersOf(await scrape(url)).get(REQUESTS);
  const [hanging] = workersOf(running);
  process.kill(Number(hanging), 'SIGSTOP');
  onTestFinished(() => void process.kill(Number(hanging), 'SIGCONT'));
  // One of the two does not hang.
  const { text } = await Promise.any(both.map((agent) => ask(url, agent, '/metrics')));
  expect(countersOf(text).get(REQUESTS)).toBe(total);
});

it('replaces a killed worker while the other answers every request', async () => {
  const { url, running } = await listen();
  const agents = Array.from({ length: 16 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  onTestFinished(() => {
    for (const agent of agents) agent.destroy();
  });
  const first = await Promise.all(agents.map((agent) => ask(url, agent)));
  const [killed, kept] = workersOf(running);
  process.kill(Number(killed), 'SIGKILL');
  await until(() => !workersOf(running).includes(killed as string), 'the worker to be gone');

  const { process: survivor } = await ask(url, new Agent());
  const survivors = agents.filter((_, i) => first[i]?.process === survivor);
  const again = await Promise.all(survivors.map((agent) => ask(url, agent)));
  expect(again).toEqual(survivors.map(() => ({ text: '1999', process: survivor })));

  const wrong: string[] = [];
  let fresh = 0;
  const isWhole = () => workersOf(running).length === 2;
  for (
    const deadline = Date.now() + 20_000;
    Date.now() < deadline && !(isWhole() && countListeners(url) === 2);
  ) {
    const { text } = await ask(url, new Agent()).catch((error) => ({ text: String(error) }));
    if (text !== '1999') wrong.push(text);
    fresh++;
  }
  expect(wrong).toEqual([]);
  expect(fresh).toBeGreaterThan(10);
  expect(workersOf(running)).toContain(kept);
  expect(countListeners(url)).toBe(2);
  process.stderr.write(
    `a worker was replaced while ${survivors.length + fresh} requests were answered, 0 failed\n`,
  );
});

it('logs that a worker ended, and waits longer if its replacement ends, too', async () => {
  const { url, running, log } = await listen();
  const [first, kept] = workersOf(running);
  process.kill(Number(first), 'SIGKILL');
  const second = await until(
    () => workersOf(running).find((pid) => pid !== first && pid !== kept),
    'another worker',
  );
  await until(() => log().match(/listening on/g)?.length === 3, 'the replacement to listen');
  process.kill(Number(second), 'SIGKILL');
  await until(() => log().includes('400 ms'), 'a log line about the second');
  const logged = [...log().matchAll(/worker (\d+) ended with (\w+) after .*? another starts in (\d+) ms/g)];
  expect(logged.map(([, ...fields]) => fields)).toEqual([
    [first, 'SIGKILL', '200'],
    [second, 'SIGKILL', '400'],
  ]);
  await until(() => countListeners(url) === 2, 'another to listen');
});

it('drains both workers on SIGTERM: they answer requests that have begun, and new ones on open connections', async () => {
  const { running, url } = await listen();
  const body = '{"instances":[{"vol_moving_avg":999,"adj_close_rolling_med":1}]}';
  const head = `POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const clients = await Promise.all(Array.from({ length: 16 }, () => open(url)));
  for (const { socket } of clients) socket.write(`GET ${PREDICT_PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await until(() => clients.every(({ text }) => text().endsWith('1999')), 'answers');
  for (const { text } of clients) expect(text()).toMatch(/^connection: keep-alive/im);
  const [begun, idle] = [clients.slice(0, 8), clients.slice(8)];
  for (const { socket } of begun) socket.write(head + body.slice(0, 20));
  // When these are answered, both workers have read the halves.
  await Promise.all(Array.from({ length: 20 }, () => ask(url, new Agent())));
  running.process.kill('SIGTERM');
  await until(() => countListeners(url) === 0, 'the workers to stop listening');
  for (const { socket } of begun) socket.write(body.slice(20));
  for (const { socket } of idle) socket.write(`GET ${PREDICT_PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
  for (const { text, closed } of clients) {
    await closed;
    const last = text().slice(text().lastIndexOf('HTTP/1.1'));
    expect(last).toMatch(/^HTTP\/1\.1 200 /);
    expect(last).toMatch(/^connection: close/im);
    expect(last).toMatch(/1999$|"prediction":1999/);
  }
  expect((await running.ended).code).toBe(143);
});

it('leaves no worker behind when the primary process is killed', async () => {
  const { running, url } = await listen();
  running.process.kill('SIGKILL');
  await until(() => countListeners(url) === 0, 'the workers to end');
});

it('does not share a port that another program listens on', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await until(() => other.listening, 'a port');
  const { port } = other.address() as AddressInfo;
  try {
    const { code, stderr } = await serve(port).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`port ${port} is in use`);
  } finally {
    other.close();
  }
});

it.each(['1', '2'])('does not let a second server with %s workers share its port', async (workers) => {
  const { url } = await listen();
  const port = Number(new URL(url).port);
  const { code, stderr } = await serve(port, { WORKERS: workers }).ended;
  expect(code).toBe(2);
  expect(stderr).toContain(`port ${port} is in use`);
  expect(countListeners(url)).toBe(2);
});

it('gives the port to one of two servers that start at the same time', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await until(() => free.listening, 'a port');
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const both = [serve(port), serve(port)];
  const loser = await Promise.race(both.map(({ ended }) => ended));
  expect(loser).toMatchObject({ code: 2, message: expect.stringContaining(`port ${port} is in use`) });
  await until(() => countListeners(`http://127.0.0.1:${port}`) === 2, 'two workers to listen');
  expect(both.filter(({ process }) => process.exitCode === null)).toHaveLength(1);
});

it('fails with the name of an address that this machine does not have', async () => {
  const { code, stderr } = await serve(0, { HOST: '192.0.2.1' }).ended;
  expect(code).toBe(2);
  expect(stderr).toContain('HOST=192.0.2.1');
});

function serve(port: number, environment: Record<string, string> = {}, flags: string[] = []): Running {
  const running = start(process.execPath, [...flags, 'serving/server.ts'], {
    ...{ STORE: store, PORT: String(port), WORKERS: '2' },
    ...environment,
  });
  onTestFinished(() => void running.process.kill('SIGTERM'));
  return running;
}

/** A connection, and the text that it received. */
async function open(url: string): Promise<{ socket: Socket; text(): string; closed: Promise<void> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data));
  const closed = new Promise<void>((resolve, reject) =>
    socket.on('close', () => resolve()).on('error', reject),
  );
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

async function listen(flags: string[] = []): Promise<{ running: Running; url: string; log(): string }> {
  const running = serve(0, {}, flags);
  let stderr = '';
  running.process.stderr?.on('data', (data) => (stderr += data));
  const urls = await until(() => {
    const found = stderr.match(/listening on http:\/\/127\.0\.0\.1:\d+/g);
    return found?.length === 2 && found.map((line) => line.slice('listening on '.length));
  }, 'both workers to listen');
  expect(urls[1]).toBe(urls[0]);
  return { running, url: urls[0] as string, log: () => stderr };
}

function ask(url: string, agent: Agent, path = PREDICT_PATH): Promise<{ text: string; process: string }> {
  return new Promise((resolve, reject) => {
    get(url + path, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data) => (text += data));
      response.on('end', () =>
        resolve({ text, process: String(response.headers['x-request-id']).split('-', 1)[0] as string }),
      );
    }).on('error', reject);
  });
}

/** One persistent connection to each worker. */
async function connectToBoth(url: string): Promise<[Agent, Agent]> {
  const found = new Map<string, Agent>();
  while (found.size < 2) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    found.set((await ask(url, agent)).process, agent);
  }
  return [...found.values()] as [Agent, Agent];
}

async function postRows(url: string, agent: Agent, rows: number, volMovingAvg: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const sent = request(`${url}/predict`, { agent, headers, method: 'POST' });
  sent.end(
    JSON.stringify({
      instances: Array(rows).fill({ vol_moving_avg: volMovingAvg, adj_close_rolling_med: 1 }),
    }),
  );
  const [response] = await once(sent, 'response');
  await once(response.resume(), 'end');
  expect(response.statusCode).toBe(200);
}

async function scrape(url: string): Promise<string> {
  return (await ask(url, new Agent(), '/metrics')).text;
}

/** All series of /metrics that must not fall. */
function countersOf(text: string): Map<string, number> {
  const families = text
    .split(/^(?=# HELP)/m)
    .filter((family) => /^# TYPE \w+ (counter|histogram)$/m.test(family));
  const lines = families.flatMap((family) => family.match(/^\w.*$/gm) ?? []);
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

function workersOf({ process: { pid } }: Running): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
}

/** Number of sockets that listen on the port of a URL: state 0A in the kernel's table. */
function countListeners(url: string): number {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  const table = readFileSync('/proc/net/tcp', 'utf8');
  return table.match(new RegExp(`^ *\\d+: [0-9A-F]{8}:${port} [0-9A-F]{8}:0000 0A `, 'gm'))?.length ?? 0;
}
