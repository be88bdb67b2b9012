import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const CLI = join(ROOT, 'tasks/cli.ts');
export const SAMPLE = join(ROOT, 'data/sample.zip');

const { PATH, HOME, TMPDIR } = process.env;

/** How a process ended and what it said. */
export interface Ended {
  /** The exit code; null where a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  process: ChildProcess;
  ended: Promise<Ended>;
}

/** Starts a program in an environment that holds nothing but what is named here. */
export function start(
  file: string,
  args: string[],
  environment: Record<string, string> = {},
  cwd = ROOT,
): Running {
  const env = { ...Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, v]) => v)) };
  const child = spawn(file, args, {
    cwd,
    env: { ...env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => (stdout += data));
  child.stderr?.on('data', (data) => (stderr += data));
  const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }));
  return { process: child, ended };
}

/** Starts `node tasks/cli.ts` with these words. */
export function startCli(args: string[], environment?: Record<string, string>): Running {
  return start(process.execPath, [CLI, ...args], environment);
}

export function runCli(args: string[], environment?: Record<string, string>): Promise<Ended> {
  return startCli(args, environment).ended;
}

/** Runs a task that must succeed. */
export async function succeed(args: string[]): Promise<Ended> {
  const ended = await runCli(args);
  if (ended.code !== 0) throw new Error(`${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}

/** Waits until something is there. */
export async function until<T>(look: () => T | undefined | false, what: string): Promise<T> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(5)) {
    const found = look();
    if (found) return found;
  }
  throw new Error(`waited 20 s for ${what}`);
}

/** Every file below some folders of a store as `name: content in hexadecimal`, to compare stores with. */
export function snapshot(store: string, ...folders: string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const folder of folders) {
    if (!existsSync(join(store, folder))) continue;
    for (const entry of readdirSync(join(store, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files[path.slice(store.length + 1)] = readFileSync(path, 'hex');
    }
  }
  return files;
}

/** What lies in a store's scratch folder. */
export function scratchOf(store: string): string[] {
  return readdirSync(join(store, 'tmp'));
}
