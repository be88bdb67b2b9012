import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runTaskCommand } from '../../../tasks/lib/run-task-command.ts';
import { makeFolder } from '../../support/fixtures.ts';

it('reads well where nothing needs quotes', () => {
  expect(runTaskCommand('features', [], '/data/store')).toBe('make run-task TASK=features STORE=/data/store');
  expect(runTaskCommand('features', ['--window', '30'], '/data/store')).toBe(
    'make run-task TASK=features STORE=/data/store ARGS="--window 30"',
  );
});

// The recipe of run-task in the Makefile, with a program that prints its arguments.
const MAKEFILE = `run-task: export STORE := $(STORE)
run-task:
	@printf '[%s]\\n' $(TASK) "$$STORE" $(ARGS)
`;

it.each(['plain', 'a b', "it's", 'a"b', 'a$b', '$(x)', 'a`b', 'a\\b', 'a;b&c|d', '*?[x]', '#x', 'é!'])(
  'reaches the task as it is: %s',
  (value) => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'Makefile'), MAKEFILE);
    const command = runTaskCommand('ingest', ['--source', value, '--quarantine'], '/my store');
    // Without the variables of a make that runs the tests.
    const env = { PATH: process.env.PATH };
    expect(execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', env })).toBe(
      `[ingest]\n[/my store]\n[--source]\n[${value}]\n[--quarantine]\n`,
    );
  },
);
