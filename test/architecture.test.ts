/** Checks the rules about what may import what, and where files may be. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { listCopiedPaths } from './support/dockerfile.ts';

const MAY_IMPORT: Record<string, string[]> = {
  model: ['model'],
  tasks: ['model', 'tasks'],
  serving: ['model', 'serving'],
};
const IMPORT = /(?:from|import|import\() ?'(\.[^']+)'/g;

/** File -> the files that it imports, all relative to the repository. */
const importsOf = new Map(
  globSync('{model,tasks,serving}/**/*.{ts,js}').map((file) => {
    const paths = [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, path = '']) => path);
    return [file, paths.map((path) => join(dirname(file), path))];
  }),
);

it.each(Object.entries(MAY_IMPORT))('%s/ imports only from %j', (room, allowed) => {
  const files = [...importsOf.keys()].filter((file) => topFolder(file) === room);
  const imported = files.flatMap((file) => importsOf.get(file) ?? []);
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((file) => !allowed.includes(topFolder(file)))).toEqual([]);
});

it.each([
  ['tasks', 'tasks'],
  ['train', 'tasks'],
  ['serving', 'serving'],
])('the %s image has what %s/ may import, and no more', (image, room) => {
  const rooms = listCopiedPaths(image).filter((path) => path in MAY_IMPORT);
  expect(rooms).toEqual(MAY_IMPORT[room]);
});

it('has no import cycle', () => {
  const checked = new Set<string>();
  const visit = (file: string, importers: string[]): void => {
    if (importers.includes(file)) throw new Error(`import cycle: ${[...importers, file].join(' -> ')}`);
    if (checked.has(file)) return;
    for (const imported of importsOf.get(file) ?? []) visit(imported, [...importers, file]);
    checked.add(file);
  };
  for (const file of importsOf.keys()) visit(file, []);
});

it.each(['tasks', 'serving'])('%s/ has at most 8 files outside its folders', (room) => {
  const files = readdirSync(room, { withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeLessThanOrEqual(8);
});

it('dags/ has only the DAG and its operator', () => {
  const files = readdirSync('dags').filter((name) => name !== '__pycache__');
  expect(files.sort()).toEqual(['.airflowignore', 'stock_market.py', 'task_container.py']);
});

it('every package.json asks for the same version of a package', () => {
  const versions = new Map<string, Set<string>>();
  for (const file of ['package.json', ...globSync('{tasks,serving}/**/package.json')]) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, 'utf8'));
    for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies }))
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
  }
  expect([...versions].filter(([, { size }]) => size > 1)).toEqual([]);
});

function topFolder(path: string): string {
  return path.split('/')[0] ?? '';
}
