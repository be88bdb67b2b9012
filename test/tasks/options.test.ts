import { describe, expect, test } from 'vitest';
import { PermanentError } from '../../tasks/lib/errors.ts';
import {
  commit,
  date,
  decimal,
  flag,
  integer,
  key,
  memory,
  month,
  type Options,
  option,
  path,
  readOptions,
  shardSubset,
  toYargs,
  url,
  words,
} from '../../tasks/options.ts';

const options = {
  shards: option('', integer(1).optional()),
  seed: option('', integer(0).optional()),
  threads: option('', integer(1, 256).optional()),
  'memory-limit': option('', memory.optional()),
  'as-of': option('', date.optional()),
  from: option('', month.optional()),
  shard: option('', shardSubset.optional()),
  prices: option('', key.optional()),
  'git-commit': option('', commit.optional()),
  store: option('', path.optional()),
  'kaggle-url': option('', url.optional()),
  'min-coverage': option('', decimal(0, 1).optional()),
  'half-life': option('', decimal(0.1, 1000).default(8)),
  why: option('', words.optional()),
  quarantine: option('', flag.default(false)),
} satisfies Options;

const VALID: [name: string, text: string, property: string, value: unknown][] = [
  ['shards', '16', 'shards', 16],
  ['half-life', '2.5', 'halfLife', 2.5],
  ['memory-limit', '1.5 GiB', 'memoryLimit', '1.5 GiB'],
  ['memory-limit', '800MB', 'memoryLimit', '800MB'],
  ['as-of', '2020-02-29', 'asOf', '2020-02-29'],
  ['shard', '3/16', 'shard', { index: 3, count: 16 }],
  ['shard', '1/1', 'shard', { index: 1, count: 1 }],
  ['prices', '0123456789abcdef', 'prices', '0123456789abcdef'],
  ['git-commit', '0123abc-dirty', 'gitCommit', '0123abc-dirty'],
  ['store', 'a b', 'store', 'a b'],
  ['kaggle-url', 'http://127.0.0.1:80', 'kaggleUrl', 'http://127.0.0.1:80'],
];

const INVALID: [name: string, text: string, message: string][] = [
  ['shards', '0', '--shards 0 is not valid; use a whole number, 1 or more'],
  ['shards', '1.5', '--shards 1.5 is not valid; use a whole number, 1 or more'],
  ['shards', '1e3', '--shards 1e3 is not valid; use a whole number, 1 or more'],
  ['seed', 'one', '--seed one is not valid; use a whole number, 0 or more'],
  ['seed', '', '--seed is empty; use a whole number, 0 or more'],
  ['threads', '257', '--threads 257 is not valid; use a whole number from 1 to 256'],
  ['min-coverage', '78', '--min-coverage 78 is not valid; use a number from 0 to 1'],
  ['half-life', '0', '--half-life 0 is not valid; use a number from 0.1 to 1000'],
  ['shard', '4/3', '--shard 4/3 is not valid; use i/n with 1 <= i <= n, such as 3/16'],
  ['shard', '0/3', '--shard 0/3 is not valid; use i/n with 1 <= i <= n, such as 3/16'],
  ['shard', '1', '--shard 1 is not valid; use i/n with 1 <= i <= n, such as 3/16'],
  ['memory-limit', '1', '--memory-limit 1 is not valid; use a number with a unit, such as 800MB or 2GiB'],
  ['memory-limit', '0GB', '--memory-limit 0GB is not valid; use a number with a unit, such as 800MB or 2GiB'],
  ['as-of', '2020-02-30', '--as-of 2020-02-30 is not valid; use a date as YYYY-MM-DD'],
  ['as-of', '01.02.2020', '--as-of 01.02.2020 is not valid; use a date as YYYY-MM-DD'],
  ['as-of', '../../etc', '--as-of ../../etc is not valid; use a date as YYYY-MM-DD'],
  ['as-of', '', '--as-of is empty; use a date as YYYY-MM-DD'],
  [
    'prices',
    '../models',
    '--prices ../models is not valid; use a key of 16 hexadecimal digits, the name of a folder in the store',
  ],
  ['git-commit', 'main', '--git-commit main is not valid; use a Git commit as hexadecimal digits'],
  [
    'kaggle-url',
    'nonsense',
    '--kaggle-url nonsense is not valid; use an http or https address without a user name or password',
  ],
  [
    'kaggle-url',
    'file:///etc',
    '--kaggle-url file:///etc is not valid; use an http or https address without a user name or password',
  ],
  [
    'kaggle-url',
    'https://me:secret@a.example',
    '--kaggle-url https://***@a.example is not valid; use an http or https address without a user name or password',
  ],
  ['why', ' ', '--why is empty; use a few words in quotes'],
  ['store', '', '--store is empty; use a path'],
];

const fromCommandLine = (name: string, text: string) =>
  readOptions(options, { [name]: text }, [`--${name}`, text], {});

test.each(VALID)('--%s accepts %s', (name, text, property, value) => {
  expect(fromCommandLine(name, text)).toHaveProperty(property, value);
});

test.each(INVALID)('--%s refuses %j: %s', (name, text, message) => {
  expect(() => fromCommandLine(name, text)).toThrow(new PermanentError(message));
});

test('an option that is not given has its default, or is undefined', () => {
  expect(readOptions(options, {}, [], {})).toMatchObject({ halfLife: 8, quarantine: false, asOf: undefined });
});

test('--help shows the format, the variable and the default of an option', () => {
  const { 'half-life': halfLife } = toYargs({
    'half-life': option('Age', decimal(0.1, 1000).default(8)),
  });
  expect(halfLife).toEqual({
    type: 'string',
    describe: 'Age (a number from 0.1 to 1000) [env: HALF_LIFE]',
    defaultDescription: '8',
  });
});

describe('the environment', () => {
  const fromEnvironment = (environment: Record<string, string>) => readOptions(options, {}, [], environment);

  test('sets the options with the same names', () => {
    const environment = { AS_OF: '2020-01-01', QUARANTINE: 'true', SHARDS: '3' };
    expect(fromEnvironment(environment)).toMatchObject({ asOf: '2020-01-01', quarantine: true, shards: 3 });
  });

  test('does not set an option with an empty variable', () => {
    expect(fromEnvironment({ AS_OF: '', QUARANTINE: '' })).toEqual(fromEnvironment({}));
  });

  test('gives way to the command line', () => {
    expect(readOptions(options, { shards: '2' }, [], { SHARDS: '5' })).toMatchObject({ shards: 2 });
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('sets a switch with %s', (word, value) => {
    expect(fromEnvironment({ QUARANTINE: word })).toMatchObject({ quarantine: value });
  });

  test.each([
    [{ QUARANTINE: 'yes' }, 'QUARANTINE=yes is not valid; use true or false'],
    [{ SHARDS: '0' }, 'SHARDS=0 is not valid; use a whole number, 1 or more'],
  ])('is refused with the name of the variable: %j', (environment, message) => {
    expect(() => fromEnvironment(environment)).toThrow(new PermanentError(message));
  });
});
