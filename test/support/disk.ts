import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessResult, start } from './command.ts';
import { makeFolder } from './fixtures.ts';

/** Whether this user may mount a disk. */
export function mayMount(): boolean {
  return spawnSync('unshare', [...unshare(), 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;
}

/** Mounts a disk with these options, visible only to this shell script, which finds it as $DISK. */
export function runOnDisk(options: string, script: string): Promise<ProcessResult> {
  const disk = join(makeFolder(), 'disk');
  mkdirSync(disk);
  const mounted = `mount -t tmpfs -o ${options} tmpfs $DISK || exit 99; ${script}`;
  return start('unshare', [...unshare(), 'sh', '-c', mounted], { DISK: disk }).ended;
}

/**
 * The options of `unshare` for a mount namespace. Users other than root need a user namespace, too.
 */
function unshare(): string[] {
  return process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
}
