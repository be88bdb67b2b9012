import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { ROOT, start, until } from '../support/command.ts';
import { listCopiedPaths } from '../support/dockerfile.ts';
import { makeFolder } from '../support/fixtures.ts';
import { constantModel } from '../support/tiny-model.ts';

it('answers every kind of request with only the files of its image', async () => {
  const folder = makeFolder();
  const packages = listPackages('@stock-market/serving');
  expect(packages.length).toBeGreaterThan(5);
  for (const path of [...listCopiedPaths('serving'), ...packages])
    cpSync(path, join(folder, 'app', path), { recursive: true });
  writeFileSync(join(folder, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));

  const server = join(folder, 'app/serving/server.ts');
  const running = start(process.execPath, [server], { STORE: folder, PORT: '0' });
  onTestFinished(() => void running.process.kill('SIGKILL'));
  let stderr = '';
  running.process.stderr?.on('data', (data) => (stderr += data));
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(stderr)?.[0], 'the server to listen');

  for (const path of [
    '/predict?vol_moving_avg=1&adj_close_rolling_med=1',
    '/v2',
    '/metrics',
    '/openapi.json',
    '/reports/model',
    '/reports/walk-forward',
  ])
    expect((await fetch(url + path)).status, path).toBe(200);
  for (const start of ['/', '/docs']) {
    const page = await (await fetch(url + start)).text();
    const paths = [...page.matchAll(/ (?:href|src)="([^"#]+)"/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths) expect((await fetch(new URL(path, url + start))).status, path).toBe(200);
  }
  const row = { vol_moving_avg: Float64Array.of(1), adj_close_rolling_med: Float64Array.of(1) };
  const answer = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.apache.arrow.stream' },
    body: new Uint8Array(tableToIPC(tableFromArrays(row), 'stream')),
  });
  expect(answer.status).toBe(200);
});

/** The folders of the packages that `npm ci --omit=dev` installs for a workspace. */
function listPackages(workspace: string): string[] {
  const options = ['--package-lock-only', '--omit=dev', '--all', '--parseable', '--workspace', workspace];
  const folders = execFileSync('npm', ['ls', ...options], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n');
  return folders
    .map((path) => relative(ROOT, path))
    .filter((path) => path.startsWith('node_modules/') && !path.startsWith('node_modules/@stock-market/'));
}
