import cluster from 'node:cluster';
import { createServer, type ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createApp } from './app.ts';
import { createChampionWatcher } from './champion/champion-watcher.ts';
import { folderSource } from './champion/model-source.ts';
import { createAbortedCounter } from './http/aborted-responses.ts';
import { createAccessLog } from './http/access-log.ts';
import { drain } from './http/drain.ts';
import { createListener } from './http/listener.ts';
import { httpOptions } from './http/node-options.ts';
import { answerInvalidUrl, answerUnparsable } from './http/unparsable-requests.ts';
import { createMetrics, type ServingState } from './metrics/metrics.ts';
import { createScrape } from './metrics/scrape.ts';
import { createRoutes } from './routes/routes.ts';
import type { Service } from './scoring/service.ts';
import { Shadow } from './scoring/shadow.ts';
import { readSettings, type Settings } from './settings.ts';
import { holdPort, isShareable } from './workers/port.ts';
import { runWorkers } from './workers/workers.ts';

const settings = settingsOrFail();
if (cluster.isPrimary && settings.workers > 1) await superviseWorkers();
else await serve();

/** Keeps the port and the workers. */
async function superviseWorkers(): Promise<void> {
  const { workers, drainMs, host, port } = settings;
  const held = isShareable ? await holdPort(host, port).catch(failOnAddress) : { host, port };
  runWorkers(workers, { HOST: held.host, PORT: String(held.port) }, drainMs, log, process.exit);
}

/** Serves requests in this process. */
async function serve(): Promise<void> {
  const { port, host, store, pollMs, drainMs } = settings;
  const service: Service = { current: undefined };
  const state: ServingState = { service, drift: undefined, shadow: new Shadow(), rows: 0, requests: 0 };
  const openResponses = new Set<ServerResponse>();
  const metrics = createMetrics(state, openResponses);
  const source = folderSource(resolve(store));
  const checkModel = createChampionWatcher(source, { state, metrics, shadow: settings.shadow }, log);
  await checkModel();
  if (!service.current && !service.fault)
    log(
      'info',
      `${resolve(store, 'model.bin')}: no model yet. Run make pipeline, or the task promote, or set STORE`,
    );

  const scrape = cluster.isWorker ? createScrape(metrics.snapshot) : () => metrics.register.metrics();
  const routes = createRoutes(service, { bodyLimit: settings.bodyLimit, scrape, source });
  metrics.startSeries(routes);
  const app = createApp(routes, ({ stack }, request_id) =>
    log('error', String(stack), request_id === undefined ? {} : { request_id }),
  );
  const logAccess = createAccessLog(settings.accessLog, (fields) => process.stdout.write(line(fields)));
  const listener = createListener({
    ...{ service, settings, metrics, routes, openResponses, logAccess },
    app: getRequestListener(app.fetch, { hostname: 'localhost', errorHandler: answerInvalidUrl }),
    onAborted: createAbortedCounter(metrics.register, log),
  });
  const server = createServer(httpOptions(settings), listener);
  answerUnparsable(server, { service, corsOrigin: settings.corsOrigin, metrics, logAccess });
  server.on('error', failOnAddress);
  server.listen({ port, host, reusePort: cluster.isWorker && isShareable }, () => {
    const address = server.address() as { port: number };
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
    log('info', `listening on ${url}`, { url, model: service.current?.version ?? 'none' });
  });
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.once(signal, () => drain(server, openResponses, drainMs, () => process.exit(code)));
  }
  for (;;) {
    await sleep(pollMs);
    await checkModel();
  }
}

function failOnAddress(error: NodeJS.ErrnoException): never {
  const { host, port } = settings;
  return fail(
    error.code === 'EADDRINUSE'
      ? `port ${port} is in use. Choose another, for example PORT=${port + 1}`
      : `HOST=${host}: ${error.message}; use an address of this machine, or leave HOST out for 127.0.0.1`,
  );
}

function settingsOrFail(): Settings {
  try {
    return readSettings(process.env, process.argv.slice(2));
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(message: string): never {
  log('error', message);
  process.exit(2);
}

function log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, string> = {}): void {
  process.stderr.write(process.stderr.isTTY ? `${message}\n` : line({ level, message, ...fields }));
}

/** A log line. `timestamp` has the same name as in the tasks' logs. */
function line(fields: Record<string, string | number>): string {
  return `${JSON.stringify({ ...fields, timestamp: new Date().toISOString() })}\n`;
}
