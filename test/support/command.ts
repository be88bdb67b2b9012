/** Programs in their own processes, as users and Airflow run them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ResultFile } from '../../tasks/store/result.ts';
import { makeFolder } from './fixtures.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SAMPLE = join(ROOT, 'data/sample.zip');

const CLI = join(ROOT, 'tasks/cli.ts');
const { PATH, HOME, TMPDIR } = process.env;

/** How a process ended, and its output. */
export interface ProcessResult {
  /** The exit code; null if a signal ended the process. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The message of the last log line. */
  message: string;
  stdout: string;
  stderr: string;
}

export interface Running {
  process: ChildProcess;
  ended: Promise<ProcessResult>;
}

/**
 * Starts a program in the repository. Its environment has only the given variables, PATH, HOME and
 * TMPDIR.
 */
export function start(file: string, args: string[], environment: Record<string, string> = {}): Running {
  const kept = Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value));
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { ...kept, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const ended = once(child, 'close').then(([code, signal]) => {
    const last = stderr.trim().split('\n').at(-1) ?? '';
    return { code, signal, message: last.startsWith('{') ? JSON.parse(last).message : last, stdout, stderr };
  });
  return { process: child, ended };
}

/** Starts `node tasks/cli.ts` with these arguments. */
export function startCli(args: string[], environment?: Record<string, string>): Running {
  return start(process.execPath, [CLI, ...args], environment);
}

/** Runs `node tasks/cli.ts` with these arguments. It may fail. */
export function runCli(args: string[], environment?: Record<string, string>): Promise<ProcessResult> {
  return startCli(args, environment).ended;
}

/** Runs `node tasks/cli.ts` with these arguments. It must succeed. */
export async function succeed(args: string[], environment?: Record<string, string>): Promise<ProcessResult> {
  const ended = await runCli(args, environment);
  if (ended.code !== 0) throw new Error(`${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}

/** Runs a task, which must succeed, and returns the content of its result file. */
export async function runTask(args: string[], environment?: Record<string, string>): Promise<ResultFile> {
  const file = join(makeFolder(), 'result.json');
  await succeed([...args, '--result', file], environment);
  return JSON.parse(await readFile(file, 'utf8'));
}

/** Waits until `look` returns a value, and returns it. */
export async function until<T>(look: () => T | undefined | false, what: string): Promise<T> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(2)) {
    const found = look();
    if (found) return found;
  }
  throw new Error(`waited 20 s for ${what}`);
}
