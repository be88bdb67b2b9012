import { watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { serve } from '@hono/node-server';
import { createApp } from './app.ts';
import { decodeModel } from './model.ts';
import { type InService, inService } from './service.ts';

/** How long requests that are under way may take once the server is told to stop. */
const DRAIN_MS = 2_000;

/** How often to look whether another model was promoted. */
const POLL_MS = 2_000;

// An empty variable counts as not given.
const STORE = process.env.STORE || 'data/store';
const PORT = process.env.PORT || '3000';
const HOST = process.env.HOST || '127.0.0.1';

const port = Number(PORT);
if (!/^\d+$/.test(PORT) || port > 65_535) fail(`PORT=${PORT}: give a number from 0 to 65535`);
const path = resolve(STORE, 'model.bin');
const service = { current: await load() };
watchFile(path, { interval: POLL_MS }, reload);

const app = createApp(service, (error) => log('error', String(error.stack)));
const server = serve({ fetch: app.fetch, port, hostname: HOST }, (address) => {
  const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${address.port}`;
  log('info', `listening on ${url}`, { url, model: service.current.version });
});
server.on('error', (error: NodeJS.ErrnoException) => {
  fail(
    error.code === 'EADDRINUSE'
      ? `port ${port} is in use; choose another, for example PORT=${port + 1}`
      : `HOST=${HOST}: ${error.message}; give an address of this machine, or leave it out for 127.0.0.1`,
  );
});
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  process.once(signal, () => {
    server.close(() => process.exit(code));
    setTimeout(() => process.exit(code), DRAIN_MS);
  });
}

async function load(): Promise<InService> {
  try {
    return inService(decodeModel(await readFile(path)));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      fail(`${path}: there is no model in service; run make pipeline, or the task promote, or set STORE`);
    return fail(`${path}: ${message}; run the task promote again, it puts a sound model into service`);
  }
}

/** Takes the model that was promoted since; the one in service stays where that cannot be used. */
async function reload(): Promise<void> {
  try {
    service.model = decodeModel(await readFile(path));
    log('info', `serving the model as of ${service.current.version}`, { model: service.current.version });
  } catch (error) {
    log(
      'error',
      `${path}: ${(error as Error).message}; the model as of ${service.current.version} stays in service`,
    );
  }
}

function fail(message: string): never {
  log('error', message);
  process.exit(2);
}

function log(level: 'info' | 'error', message: string, fields: Record<string, string> = {}): void {
  process.stderr.write(`${process.stderr.isTTY ? message : JSON.stringify({ level, message, ...fields })}\n`);
}
