import type { Options as YargsOptions } from 'yargs';
import { z } from 'zod';
import { PermanentError } from './lib/errors.ts';

/** A schema that reads an option's text. Made by option(), which adds what --help shows. */
export type Option = z.ZodOptional<z.ZodType> | z.ZodDefault<z.ZodType>;
export type Options = Record<string, Option>;

/** What a task receives: `as-of` is `asOf` there. */
export type OptionValues<Declared extends Options> = {
  [Name in keyof Declared & string as CamelCase<Name>]: z.output<Declared[Name]>;
};

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/**
 * Declares an option.
 * @param schema one of the formats below, with .default() or .optional()
 * @param defaultText describes the default in --help where the value itself does not
 */
export function option<Schema extends Option>(help: string, schema: Schema, defaultText?: string): Schema {
  return schema.meta({ description: help, defaultText }) as Schema;
}

// The description of each format completes "; use ..." in an error message.

export function integer(min: number, max?: number) {
  return z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(
      z
        .int()
        .min(min)
        .max(max ?? Number.MAX_SAFE_INTEGER),
    )
    .describe(max === undefined ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`);
}

export function decimal(min: number, max: number) {
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .describe(`a number from ${min} to ${max}`);
}

/** A switch: `--force`, `--force=false`, `FORCE=1`. */
export const flag = z
  .stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], case: 'sensitive' })
  .describe('true or false');

export const text = z.string();
export const path = z.string().min(1).describe('a path');
export const words = z.string().regex(/\S/).describe('a few words in quotes');
export const date = z.iso.date().describe('a date as YYYY-MM-DD');
export const month = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/)
  .describe('a month as YYYY-MM');
export const logLevel = z.enum(['error', 'warn', 'info', 'debug']).describe('error, warn, info or debug');

/** An amount of memory as DuckDB reads it. */
export const memory = z
  .string()
  .regex(/^[1-9]\d*(\.\d+)? ?([KMGT]i?)?B$/i)
  .describe('a number with a unit, such as 800MB or 2GiB');

export const url = z
  .string()
  .refine((address) => {
    const { protocol = '', username, password } = URL.parse(address) ?? {};
    return /^https?:$/.test(protocol) && !username && !password;
  })
  .describe('an http or https address without a user name or password');

/** The key of a dataset, as results and folders of the store show it. */
export const key = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .describe('a key of 16 hexadecimal digits, the name of a folder in the store');

/** A commit as `git describe --always --dirty` writes it. */
export const commit = z
  .string()
  .regex(/^[0-9a-f]{7,64}(-dirty)?$/)
  .describe('a Git commit as hexadecimal digits');

/** The name of a dataset on Kaggle. */
export const kaggleDataset = z
  .string()
  .regex(/^[\w-]+\/[\w-]+$/)
  .describe('owner/name, as in the address of its page');

/** The shards that this process makes, such as 3/16. */
export const shardSubset = z
  .string()
  .regex(/^\d+\/\d+$/)
  .transform((fraction) => {
    const [index = 0, count = 0] = fraction.split('/').map(Number);
    return { index, count };
  })
  .refine(({ index, count }) => index >= 1 && index <= count)
  .describe('i/n with 1 <= i <= n, such as 3/16');

/**
 * The same options for yargs, which parses the command line and prints --help; readOptions() checks
 * the values.
 */
export function toYargs(options: Options): Record<string, YargsOptions> {
  return Object.fromEntries(
    Object.entries(options).map(([name, schema]) => {
      const { description: help, defaultText } = schema.meta() ?? {};
      const format = schema.unwrap().description;
      const value = schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : undefined;
      return [
        name,
        {
          type: isFlag(schema) ? 'boolean' : 'string',
          describe: `${help}${format && !isFlag(schema) ? ` (${format})` : ''} [env: ${variableOf(name)}]`,
          defaultDescription: (defaultText as string | undefined) ?? value,
        },
      ];
    }),
  );
}

/**
 * Reads the options of a task: from the command line, else from the environment, where --as-of is
 * AS_OF. An empty variable counts as not given.
 * @param parsed the options as yargs parsed them
 * @param args the words of the command line
 * @throws PermanentError that names the option or the variable whose value is not valid
 */
export function readOptions<Declared extends Options>(
  options: Declared,
  parsed: Record<string, unknown>,
  args: string[],
  environment: NodeJS.ProcessEnv,
): OptionValues<Declared> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(options)) {
    // For yargs every word after `--force=` except `true` means false.
    const isOddFlag = (arg: string) => arg.startsWith(`--${name}=`) && !/=(true|false)$/.test(arg);
    const oddFlag = isFlag(schema) ? args.find(isOddFlag) : undefined;
    const onCommandLine = oddFlag?.slice(`--${name}=`.length) ?? parsed[name];
    const variable = variableOf(name);
    const given = onCommandLine ?? (environment[variable] || undefined);
    const { success, data } = schema.safeParse(given === undefined ? undefined : String(given));
    if (!success) {
      const format = schema.unwrap().description;
      const source = onCommandLine === undefined ? `${variable}=` : `--${name} `;
      throw new PermanentError(`${describeGiven(source, String(given))}; use ${format}`);
    }
    values[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())] = data;
  }
  return values as OptionValues<Declared>;
}

function describeGiven(source: string, value: string): string {
  if (value.trim() === '') return `${source.trim()} is empty`;
  // A password in an address must not reach the log.
  return `${source}${value.replace(/\/\/.*@/, '//***@')} is not valid`;
}

function isFlag(schema: Option): boolean {
  return schema.unwrap() === flag;
}

function variableOf(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
