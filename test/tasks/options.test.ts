import { describe, expect, test } from 'vitest';
import { PermanentError } from '../../tasks/lib/errors.ts';
import {
  commit,
  date,
  decimal,
  fromEnvironment,
  integer,
  key,
  memory,
  path,
  reason,
  shard,
  url,
} from '../../tasks/options.ts';

test.each([
  ['integer', integer('shards', 1), '16', 16],
  ['memory', memory('memory-limit'), '1.5 GiB', '1.5 GiB'],
  ['memory', memory('memory-limit'), '800MB', '800MB'],
  ['date', date('as-of'), '2020-02-29', '2020-02-29'],
  ['shard', shard('shard'), '3/16', { index: 3, count: 16 }],
  ['shard', shard('shard'), '1/1', { index: 1, count: 1 }],
  ['key', key('prices'), '0123456789abcdef', '0123456789abcdef'],
  ['commit', commit('git-commit'), '0123abc-dirty', '0123abc-dirty'],
  ['path', path('store'), 'a b', 'a b'],
  ['url', url('kaggle-url'), 'http://127.0.0.1:80', 'http://127.0.0.1:80'],
])('%s() reads %$3s', (_reader, read, text, value) => {
  expect(read(text)).toEqual(value);
});

test.each([
  [integer('shards', 1), '0', '--shards 0: give a whole number from 1 on'],
  [integer('shards', 1), '1.5', '--shards 1.5: give a whole number from 1 on'],
  [integer('shards', 1), '1e3', '--shards 1e3: give a whole number from 1 on'],
  [integer('seed', 0), 'one', '--seed one: give a whole number from 0 on'],
  [integer('seed', 0), '', '--seed : give a whole number from 0 on'],
  [decimal('min-coverage', 0, 1, 0.7), '78', '--min-coverage 78: give a number from 0 to 1, for example 0.7'],
  [decimal('half-life', 0.1, 1000, 8), '0', '--half-life 0: give a number from 0.1 to 1000, for example 8'],
  [shard('shard'), '4/3', '--shard 4/3: give it as i/n with 1 <= i <= n'],
  [shard('shard'), '0/3', '--shard 0/3: give it as i/n with 1 <= i <= n'],
  [shard('shard'), '1', '--shard 1: give it as i/n with 1 <= i <= n'],
  [memory('memory-limit'), '1', '--memory-limit 1: give a number with a unit'],
  [memory('memory-limit'), '0GB', '--memory-limit 0GB: give a number with a unit'],
  [date('as-of'), '2020-02-30', '--as-of 2020-02-30: give a day as YYYY-MM-DD'],
  [date('as-of'), '01.02.2020', '--as-of 01.02.2020: give a day as YYYY-MM-DD'],
  [date('as-of'), '../../etc', '--as-of ../../etc: give a day as YYYY-MM-DD'],
  [date('as-of'), '', '--as-of : give a day as YYYY-MM-DD'],
  [key('features'), '../models', '--features ../models: give a key of 16 hexadecimal digits'],
  [commit('git-commit'), 'main', '--git-commit main: give a commit of git'],
  [url('kaggle-url'), 'nonsense', '--kaggle-url nonsense: give an address such as https://'],
  [url('kaggle-url'), 'file:///etc', '--kaggle-url file:///etc: give an address such as https://'],
  [reason('why'), ' ', '--why is empty; give a few words'],
  [path('store'), '', '--store is empty; give a path, or leave it out'],
])('%o refuses %j: %s', (read, text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text)).toThrow(PermanentError);
});

describe('fromEnvironment', () => {
  const options = { 'as-of': { type: 'string' }, quarantine: { type: 'boolean' } } as const;

  test('takes the variables that are named like options', () => {
    const environment = { AS_OF: '2020-01-01', QUARANTINE: 'true', SHARDS: '3' };
    expect(fromEnvironment(options, environment)).toEqual({ 'as-of': '2020-01-01', quarantine: true });
  });

  test('counts an empty variable as not given', () => {
    expect(fromEnvironment(options, { AS_OF: '', QUARANTINE: '' })).toEqual({});
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('takes %s for a switch', (word, value) => {
    expect(fromEnvironment(options, { QUARANTINE: word })).toEqual({ quarantine: value });
  });

  test('refuses another word for a switch', () => {
    const reading = () => fromEnvironment(options, { QUARANTINE: 'yes' });
    expect(reading).toThrow(new PermanentError('QUARANTINE=yes: give true or false'));
  });
});
