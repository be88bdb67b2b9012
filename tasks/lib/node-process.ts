import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PermanentError } from './errors.ts';

export const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));

/** Starts a Node process that is stopped when this one exits. */
export function startNode(args: string[], options: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, args, options);
  const stop = () => child.kill();
  process.once('exit', stop);
  child.once('exit', () => process.off('exit', stop));
  return child;
}

/**
 * Waits for a task to end; it logs why if it fails.
 * @throws PermanentError or Error with this message, as the task did
 */
export async function waitForSuccess(child: ChildProcess, message: string): Promise<void> {
  const [code] = await once(child, 'exit');
  if (code === 2) throw new PermanentError(message);
  if (code !== 0) throw new Error(message);
}
