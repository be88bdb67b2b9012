import { expect, it } from 'vitest';
import { readSettings, SettingError } from '../../serving/settings.ts';

it.each([
  ['CORS_ORIGIN', 'a.example'],
  ['CORS_ORIGIN', 'https://a.example/'],
  ['CORS_ORIGIN', 'https://a.example/app'],
  ['CORS_ORIGIN', 'https://A.example'],
  ['CORS_ORIGIN', 'https://a.example:443'],
  ['CORS_ORIGIN', 'https://a.example https://b.example'],
  ['CORS_ORIGIN', 'null'],
  ['CORS_ORIGIN', '*.example'],
  ['STORE', 's3://bucket/store'],
  ['STORE', 'S3://bucket'],
  ['STORE', 'file:///data/store'],
])('refuses %s=%s', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(SettingError);
  expect(() => readSettings({ [name]: value })).toThrow(`${name}=${value}: `);
});

it.each(['two words', 'sécret', 'a\nb', ' leading', '\u{1f511}', 'a\x7f'])(
  'refuses the TOKEN %j, and does not repeat it',
  (token) => {
    expect(() => readSettings({ TOKEN: token })).toThrow(/^TOKEN: /);
    expect(() => readSettings({ TOKEN: token })).not.toThrow(token);
  },
);

it.each([
  ['CORS_ORIGIN', '*', 'corsOrigin'],
  ['CORS_ORIGIN', 'https://a.example', 'corsOrigin'],
  ['CORS_ORIGIN', 'http://localhost:8080', 'corsOrigin'],
  ['CORS_ORIGIN', 'http://[::1]:8080', 'corsOrigin'],
  ['TOKEN', 'aB3-._~+/=!"#', 'token'],
  ['STORE', '/data/s3:store', 'store'],
] as const)('takes %s=%s', (name, value, setting) => {
  expect(readSettings({ [name]: value })[setting]).toBe(value);
});
