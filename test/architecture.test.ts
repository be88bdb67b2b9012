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
/** Captures the keywords before a relative path, and the path. */
const IMPORT = /(import type|import|export)\b[^;'(]*(?:from |\()?'(\.[^']+)'/g;

const files = globSync('{model,tasks,serving}/**/*.{ts,js}');
const imports = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, keyword, path = '']) => ({
    file,
    imported: join(dirname(file), path),
    typeOnly: keyword === 'import type',
  })),
);

it.each(Object.entries(MAY_IMPORT))('%s/ imports only from %j', (room, allowed) => {
  const ofRoom = imports.filter(({ file }) => topFolder(file) === room);
  expect(ofRoom.length).toBeGreaterThan(0);
  expect(ofRoom.filter(({ imported }) => !allowed.includes(topFolder(imported)))).toEqual([]);
});

it('no task imports another task', () => {
  const taskOf = (file: string) =>
    /^tasks\/(download|ingest|features|train|promote|walk-forward)\//.exec(file)?.[1];
  const foreign = imports.filter(({ file, imported }) => {
    const [from, to] = [taskOf(file), taskOf(imported)];
    return from && to && from !== to;
  });
  expect(foreign).toEqual([]);
});

it.each([
  ['tasks', 'tasks'],
  ['train', 'tasks'],
  ['serving', 'serving'],
])('the %s image has what %s/ may import, and no more', (image, room) => {
  const rooms = listCopiedPaths(image).filter((path) => path in MAY_IMPORT);
  expect(rooms).toEqual(MAY_IMPORT[room]);
});

/** SQL that names a file: a reader, COPY, or a text where a relation is expected. */
const FILE_IN_SQL =
  /\b(read_\w+|parquet_\w+|sniff_csv|glob)\s*\(|\b(COPY\s*\(|COPY\s+\S+\s+(TO|FROM)\b|ATTACH\b|IMPORT DATABASE|temp_directory)|\b(FROM|JOIN|DESCRIBE|SUMMARIZE)\s+(\$\{quotedString|'|"[^"]*[./])/;

it.each([
  'SELECT * FROM read_csv([a])',
  "FROM 'a.parquet'",
  `FROM \${quotedString(path)}`,
  'SELECT * FROM parquet_metadata(a)',
  'COPY (SELECT 1) TO a',
  'COPY prices TO a',
])('%s names a file in SQL', (sql) => {
  expect(sql).toMatch(FILE_IN_SQL);
});

it('only tasks/lib/duckdb.ts names files in SQL, since DuckDB would take a path for a pattern', () => {
  const sources = globSync('{model,tasks,serving}/**/*.{ts,js,sql}');
  const found = sources.filter((file) => FILE_IN_SQL.test(readFileSync(file, 'utf8')));
  expect(found).toEqual(['tasks/lib/duckdb.ts']);
});

it('has no import cycle between files', () => {
  expect(findCycle(imports.map(({ file, imported }) => [file, imported]))).toBeUndefined();
});

it('has no import cycle between rooms, apart from types', () => {
  const folders = [...new Set(files.map(dirname))];
  // A file next to other rooms, such as tasks/cli.ts, counts as a room.
  const roomOf = (file: string) =>
    folders.some((folder) => folder.startsWith(`${dirname(file)}/`)) ? file : dirname(file);
  const arrows = imports
    .filter(({ typeOnly }) => !typeOnly)
    .map(({ file, imported }): [string, string] => [roomOf(file), roomOf(imported)])
    .filter(([from, to]) => from !== to);
  expect(arrows.length).toBeGreaterThan(50);
  expect(findCycle(arrows)).toBeUndefined();
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

/** The first cycle in a list of arrows, as the list of what it passes through. */
function findCycle(arrows: [from: string, to: string][]): string[] | undefined {
  const targets = Map.groupBy(arrows, ([from]) => from);
  const finished = new Set<string>();
  const visit = (node: string, path: string[]): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (finished.has(node)) return undefined;
    for (const [, to] of targets.get(node) ?? []) {
      const cycle = visit(to, [...path, node]);
      if (cycle) return cycle;
    }
    finished.add(node);
    return undefined;
  };
  for (const node of targets.keys()) {
    const cycle = visit(node, []);
    if (cycle) return cycle;
  }
  return undefined;
}

function topFolder(path: string): string {
  return path.split('/')[0] ?? '';
}
