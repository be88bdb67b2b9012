import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { codeKey } from '../../../tasks/lib/content-key.ts';
import { ROOT, start } from '../../support/command.ts';
import { csvOfVolumes, makeFolder, makeSource } from '../../support/fixtures.ts';

describe('codeKey', () => {
  let folder: string;
  const keyOf = (...patterns: string[]) =>
    codeKey(pathToFileURL(join(folder, 'module.ts')).href, ...patterns);
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  beforeEach(() => {
    folder = makeFolder();
    write('a.sql', 'SELECT 1\n-- one\nFROM a\n');
    write('b.ts', '/**\n * one\n */\nconst a = 1;\n  // one\nconst b = 2 *\n  3;\n');
  });

  it.each([
    ['a.sql', 'SELECT 1\nFROM a\n', true],
    ['a.sql', '-- two\nSELECT 1\nFROM a\n  -- three\n', true],
    ['a.sql', 'SELECT 2\n-- one\nFROM a\n', false],
    ['a.sql', "SELECT '-- one'\nFROM a\n", false],
    ['b.ts', 'const a = 1;\nconst b = 2 *\n  3;\n', true],
    ['b.ts', '/** two */\nconst a = 1;\nconst b = 2 *\n  3;\n', true],
    ['b.ts', 'const a = 1;\nconst b = 2 *\n  4;\n', false],
    ['c.ts', 'const c = 1;\n', false],
    ['c.md', 'text', true],
  ])('with %s as %j: the same key is %s', (name, text, isSame) => {
    const before = keyOf('*.sql', '*.ts');
    write(name, text);
    expect(keyOf('*.sql', '*.ts') === before).toBe(isSame);
  });

  it('fails if no file matches, since the code would then be missing', () => {
    expect(() => keyOf('*.py')).toThrow('no file matches *.py');
  });
});

describe('a program with changed code', () => {
  let program: string;
  let store: string;
  let source: string;

  async function run(...args: string[]): Promise<string> {
    const result = join(makeFolder(), 'result.json');
    const words = [join(program, 'tasks/cli.ts'), ...args, '--store', store, '--result', result];
    const { code, stderr } = await start(process.execPath, words).ended;
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(readFileSync(result, 'utf8')).status;
  }

  const ingest = () => run('ingest', '--source', source);
  const features = () => run('features', '--window', '2');
  const train = () => run('train');
  const runAll = async () => [await ingest(), await features(), await train()];

  function change(name: string, from: string | RegExp, to: string): void {
    const path = join(program, name);
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(from);
    writeFileSync(path, text.replace(from, to));
  }

  it('makes again what it computes differently, and nothing else', async () => {
    program = makeFolder();
    for (const name of ['tasks', 'model', 'package.json'])
      cpSync(join(ROOT, name), join(program, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(program, 'node_modules'));
    mkdirSync(join(program, 'data'));
    store = makeFolder();
    source = await makeSource({ 'stocks/A.csv': csvOfVolumes(...Array(100).fill(100)) });
    expect(await runAll()).toEqual(['done', 'done', 'done']);
    change('tasks/features/features.sql', /^/, '-- A comment.\n');
    change('tasks/train/fit/network.ts', /^/, '// A comment.\n');
    expect(await runAll()).toEqual(['up_to_date', 'up_to_date', 'up_to_date']);
    change('tasks/train/fit/network.ts', 'HIDDEN = [32, 32]', 'HIDDEN = [8, 8]');
    expect(await train()).toBe('done');
    change('tasks/features/features.sql', /$/, '\nWHERE true\n');
    expect(await features()).toBe('done');
    expect(await train()).toBe('done');
    change('tasks/ingest/prices.sql', /$/, '\nWHERE true\n');
    expect(await ingest()).toBe('done');
    change('tasks/lib/duckdb.ts', 'COMPRESSION_LEVEL 1', 'COMPRESSION_LEVEL 2');
    expect(await ingest()).toBe('done');
  });
});
