import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toYargs } from '../../tasks/options.ts';
import { commonOptions, tasks } from '../../tasks/tasks.ts';

test('the table in docs/commands.md has each option of each task, and its default', () => {
  const declared = Object.entries({ all: { options: commonOptions }, ...tasks }).flatMap(
    ([task, { options }]) =>
      Object.entries(toYargs(options)).map(
        ([option, { defaultDescription }]) => `${task} --${option}: ${defaultDescription ?? ''}`,
      ),
  );
  expect(readOptionTable().sort()).toEqual(declared.sort());
});

/** Returns `task --option: default` for each task and option of each row. */
function readOptionTable(): string[] {
  const [, table = ''] = readFileSync('docs/commands.md', 'utf8').split(
    '| task | option | default | meaning |',
  );
  let tasksOfRow: string[] = [];
  return [...table.matchAll(/^\| (.*?)\| (`--.*?)\| (.*?)\|/gm)].flatMap(
    ([, first = '', names = '', shown = '']) => {
      if (first.trim()) tasksOfRow = first.match(/[\w-]+/g) ?? [];
      const options = names.match(/--[\w-]+/g) ?? [];
      return tasksOfRow.flatMap((task) =>
        options.map((option) => `${task} ${option}: ${shown.replaceAll('`', '').trim()}`),
      );
    },
  );
}
