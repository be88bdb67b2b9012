import type { Options } from 'yargs';
import { PermanentError } from './lib/errors.ts';
import type { ShardSubset } from './store/publish-shards.ts';

/** Reads a whole number from `least` to `most`. */
export function integer(
  name: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new PermanentError(
      `--${name} ${text}: give a whole number from ${least} ${most < Number.MAX_SAFE_INTEGER ? `to ${most}` : 'on'}`,
    );
  };
}

/** Reads a decimal number from `least` to `most`, such as `example`. */
export function decimal(
  name: string,
  least: number,
  most: number,
  example: number,
): (text: string) => number {
  return (text) => {
    if (/^\d+(\.\d+)?$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new PermanentError(
      `--${name} ${text}: give a number from ${least} to ${most}, for example ${example}`,
    );
  };
}

/** Reads an amount of memory such as 800MB or 2GiB, as DuckDB understands it. */
export function memory(name: string): (text: string) => string {
  return (text) => {
    if (/^[1-9]\d*(\.\d+)? ?([KMGT]i?)?B$/i.test(text)) return text;
    throw new PermanentError(`--${name} ${text}: give a number with a unit, for example 800MB or 2GiB`);
  };
}

/** Reads a day of the calendar. */
export function date(name: string): (text: string) => string {
  return (text) => {
    const day = new Date(`${text}T00:00:00Z`);
    if (
      /^\d{4}-\d{2}-\d{2}$/.test(text) &&
      !Number.isNaN(day.getTime()) &&
      day.toISOString().startsWith(text)
    )
      return text;
    throw new PermanentError(`--${name} ${text}: give a day as YYYY-MM-DD, for example 2020-04-02`);
  };
}

/** Reads the address of a web server. */
export function url(name: string): (text: string) => string {
  return (text) => {
    const { protocol = '', username, password } = URL.parse(text) ?? {};
    if (/^https?:$/.test(protocol) && !username && !password) return text;
    if (username || password)
      throw new PermanentError(`--${name}: give the address without a name and a password in it`);
    throw new PermanentError(`--${name} ${text}: give an address such as https://www.kaggle.com`);
  };
}

/** Reads a path. */
export function path(name: string): (text: string) => string {
  return (text) => {
    if (text !== '') return text;
    throw new PermanentError(`--${name} is empty; give a path, or leave it out`);
  };
}

/** Reads some words. */
export function reason(name: string): (text: string) => string {
  return (text) => {
    if (text.trim() !== '') return text;
    throw new PermanentError(`--${name} is empty; give a few words in quotes, or leave it out`);
  };
}

/** Reads the key of a dataset, as results and folders have it. */
export function key(name: string): (text: string) => string {
  return (text) => {
    if (/^[0-9a-f]{16}$/.test(text)) return text;
    throw new PermanentError(
      `--${name} ${text}: give a key of 16 hexadecimal digits, the name of a folder in the store`,
    );
  };
}

/** Reads a commit as `git describe --always --dirty` writes it. */
export function commit(name: string): (text: string) => string {
  return (text) => {
    if (/^[0-9a-f]{7,64}(-dirty)?$/.test(text)) return text;
    throw new PermanentError(`--${name} ${text}: give a commit of git, as hexadecimal digits`);
  };
}

/** Reads which part of the shards to make: 3/16. */
export function shard(name: string): (text: string) => ShardSubset {
  return (text) => {
    const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
    if (index && count && index <= count) return { index, count };
    throw new PermanentError(`--${name} ${text}: give it as i/n with 1 <= i <= n, for example 3/16`);
  };
}

/** Reads a month: YYYY-MM. */
export function month(name: string): (text: string) => string {
  return (text) => {
    if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
    throw new PermanentError(`--${name} ${text}: give a month as YYYY-MM, for example 2018-01`);
  };
}

/** Reads a dataset's name on Kaggle: owner/name. */
export function dataset(name: string): (text: string) => string {
  return (text) => {
    if (/^[\w-]+\/[\w-]+$/.test(text)) return text;
    throw new PermanentError(`--${name} ${text}: give it as owner/name, as in the address of its page`);
  };
}

/** @throws PermanentError where a switch is given a word that is neither true nor false, which yargs takes for false */
export function refuseOddSwitches(options: Record<string, Options>, args: string[]): void {
  for (const [name, { type }] of Object.entries(options)) {
    const [, word = 'true'] = args.map((arg) => new RegExp(`^--${name}=(.*)$`).exec(arg)).find(Boolean) ?? [];
    if (type === 'boolean' && !/^(true|false)$/.test(word))
      throw new PermanentError(`--${name}=${word}: give true or false, or --${name} alone`);
  }
}

/** The values that the environment has for these options: --as-of is AS_OF there. An empty one counts as not given. */
export function fromEnvironment(
  options: Record<string, Options>,
  environment: NodeJS.ProcessEnv,
): Record<string, string | boolean> {
  const values: Record<string, string | boolean> = {};
  for (const [name, { type }] of Object.entries(options)) {
    const variable = name.replaceAll('-', '_').toUpperCase();
    const text = environment[variable];
    if (!text) continue;
    if (type === 'boolean' && !/^(true|false|1|0)$/.test(text))
      throw new PermanentError(`${variable}=${text}: give true or false`);
    values[name] = type === 'boolean' ? text === 'true' || text === '1' : text;
  }
  return values;
}
