/** Servers in separate processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Started {
  url: string;
  pid: number;
  /** Stops it, and waits until it has ended. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/**
 * Starts a program that prints its URL to standard error. Its environment is PATH, PORT=0 and
 * `environment`.
 */
export async function startServer(
  program: string,
  args: string[],
  environment: Record<string, string>,
): Promise<Started> {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, PORT: '0', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  const ended = once(child, 'close').then(() => void running.delete(child));
  let log = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-10_000);
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(log)?.[0];
      if (found) resolve(found);
    });
    ended.then(() => reject(new Error(`${args.join(' ')} ended: ${log}`)));
  });
  return {
    url,
    pid: child.pid as number,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Stops every server that still runs. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGTERM');
}
