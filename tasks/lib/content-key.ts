import { createHash } from 'node:crypto';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * A hash of everything that some content depends on: 16 hexadecimal digits, the same on every
 * machine.
 */
export function contentKey(...dependencies: Json[]): string {
  return createHash('sha256').update(JSON.stringify(dependencies)).digest('hex').slice(0, 16);
}
