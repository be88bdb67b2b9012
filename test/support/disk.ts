import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, start } from './command.ts';
import { makeFolder } from './fixtures.ts';

/** Whether this user may mount a disk of its own. */
export function mayMount(): boolean {
  return spawnSync('unshare', [...unshare(), 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;
}

/** Runs a shell script that finds in $DISK a disk that was mounted with these options, for that script alone. */
export function runOnDisk(options: string, script: string): Promise<Ended> {
  const disk = join(makeFolder(), 'disk');
  mkdirSync(disk);
  const mounted = `mount -t tmpfs -o ${options} tmpfs $DISK || exit 99; ${script}`;
  return start('unshare', [...unshare(), 'sh', '-c', mounted], { DISK: disk }).ended;
}

/** How to get a mount namespace, in which a process may mount a disk: root in its own, others beside a user namespace. */
function unshare(): string[] {
  return process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
}
