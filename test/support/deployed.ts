/** Runs the programs of docker/deploy with its files, on free ports. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { ROOT, type Running, start } from './command.ts';
import { makeFolder } from './fixtures.ts';

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** A proxy whose address is https://127.0.0.1:<port>/volume/. */
export interface ReverseProxy {
  url: string;
  httpUrl: string;
  log(): string;
}

/** The text of a file in docker/deploy, with replacements, each of which must occur. */
export function deployFile(name: string, replacements: Record<string, string> = {}): string {
  let text = readFileSync(join(ROOT, 'docker/deploy', name), 'utf8');
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`${name} does not contain ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Starts nginx with docker/deploy/nginx.conf in front of a server. */
export async function startNginx(serverPort: number): Promise<ReverseProxy> {
  const folder = makeFolder();
  const [http, https] = [await freePort(), await freePort()];
  const { certificate, key } = makeCertificate(folder);
  const site = deployFile('nginx.conf', {
    '127.0.0.1:3000': `127.0.0.1:${serverPort}`,
    'listen 80;': `listen 127.0.0.1:${http};`,
    'listen 443 ssl;': `listen 127.0.0.1:${https} ssl;`,
    '/etc/ssl/certs/example.com.pem': certificate,
    '/etc/ssl/private/example.com.key': key,
  });
  writeFileSync(join(folder, 'site.conf'), site);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join('\n');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
pid ${join(folder, 'pid')};
error_log stderr;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
access_log off;
${temporary}
include site.conf;
}
`,
  );
  const running = startTool('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], 'SIGTERM');
  return proxyAt(running, http, https);
}

/** Starts HAProxy with docker/deploy/haproxy.cfg in front of a server. */
export async function startHaproxy(serverPort: number): Promise<ReverseProxy> {
  const folder = makeFolder();
  const [http, https] = [await freePort(), await freePort()];
  const { certificate, key } = makeCertificate(folder);
  const both = join(folder, 'both.pem');
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
  const file = join(folder, 'haproxy.cfg');
  const text = deployFile('haproxy.cfg', {
    '127.0.0.1:3000': `127.0.0.1:${serverPort}`,
    'bind :80\n': `bind 127.0.0.1:${http}\n`,
    'bind :443 ': `bind 127.0.0.1:${https} `,
    '/etc/haproxy/example.com.pem': both,
  });
  writeFileSync(file, text);
  return proxyAt(startTool('haproxy', ['-db', '-f', file], 'SIGKILL'), http, https);
}

/** Starts a program of another package, and ends it after the test. */
export function startTool(name: string, args: string[], signal: NodeJS.Signals): Running {
  const running = start(name, args, { PATH });
  onTestFinished(async () => {
    running.process.kill(signal);
    await running.ended;
  });
  return running;
}

/** Runs a program, which must succeed, and returns its output. */
export async function runTool(name: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await start(name, args, { PATH }).ended;
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

/** A port that no program listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a program accepts connections at a port. It must not end before. */
export async function untilListening({ process, ended }: Running, port: number): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(20)) {
    if (process.exitCode !== null) throw new Error(`the program ended: ${JSON.stringify(await ended)}`);
    if (await accepts(port)) return;
  }
  throw new Error(`waited 20 s for a program to listen on port ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export interface ProxyAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Sends a request over TLS, and accepts the proxy's own certificate. The body may come in pieces, with time between them. */
export function ask(
  url: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = [],
): Promise<ProxyAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, rejectUnauthorized: false, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.on('error', reject);
    write().catch(reject);

    async function write(): Promise<void> {
      for await (const chunk of body)
        if (!sent.write(chunk)) await new Promise((resolve) => sent.once('drain', resolve));
      sent.end();
    }
  });
}

async function proxyAt(running: Running, http: number, https: number): Promise<ReverseProxy> {
  let log = '';
  running.process.stdout?.on('data', (data) => (log += data));
  running.process.stderr?.on('data', (data) => (log += data));
  await untilListening(running, https);
  return {
    url: `https://127.0.0.1:${https}/volume`,
    httpUrl: `http://127.0.0.1:${http}/volume`,
    log: () => log,
  };
}

function makeCertificate(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=example.com', '-out', certificate, '-keyout', key],
    ],
    { stdio: 'pipe' },
  );
  return { certificate, key };
}
