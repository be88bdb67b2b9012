import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSettings, SETTINGS, SettingError } from '../../serving/settings.ts';

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
  ['SHADOW', 'nwest'],
  ['SHADOW', '../2020-01-01'],
])('refuses %s=%s', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(SettingError);
  expect(() => readSettings({ [name]: value })).toThrow(`${name}=${value}: `);
});

it.each(['two words', 'sécret', 'a\nb', ' leading', '\u{1f511}', 'a\x7f'])(
  'refuses the TOKEN %j without showing it',
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
  ['SHADOW', '2020-01-01', 'shadow'],
] as const)('accepts %s=%s', (name, value, setting) => {
  expect(readSettings({ [name]: value })[setting]).toBe(value);
});

it.each(Object.values(SETTINGS))('the table in docs/serving.md has $variable and its default', (setting) => {
  const rows = readFileSync('docs/serving.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const [, , shown] =
    rows.find((row) => row.split('|')[1]?.includes(`\`${setting.variable}\``))?.split('|') ?? [];
  expect(shown).toContain(setting.default || 'none');
});
