import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * A hash of everything that some content depends on: 16 hexadecimal digits, the same on every
 * machine.
 */
export function contentKey(...dependencies: Json[]): string {
  return createHash('sha256').update(JSON.stringify(dependencies)).digest('hex').slice(0, 16);
}

const COMMENT_LINES: Record<string, RegExp> = {
  '.sql': /^\s*--.*\n/gm,
  '.ts': /^\s*(\/\/|\/\*\*|\*[ /]|\*$).*\n/gm,
};

/**
 * A hash of code, without lines that are comments. As a part of a content key it has everything
 * made again that another version of the code made.
 * @param patterns of files, relative to the folder of the calling module
 */
export function codeKey(module: string, ...patterns: string[]): string {
  const folder = dirname(fileURLToPath(module));
  const names = globSync(patterns, { cwd: folder }).sort();
  if (names.length === 0) throw new Error(`${folder}: no file matches ${patterns.join(', ')}`);
  const code = names.map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return text.replace(COMMENT_LINES[extname(name)] ?? '', '');
  });
  return contentKey(names, code);
}
