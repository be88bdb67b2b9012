import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { start, until } from '../support/command.ts';
import { makeFolder } from '../support/fixtures.ts';
import { constantModel } from '../support/tiny-model.ts';

it('answers every kind of request from nothing but what the image copies', async () => {
  const folder = makeFolder();
  const dockerfile = readFileSync('docker/images/serving.Dockerfile', 'utf8');
  const packages = [...dockerfile.matchAll(/\/app\/(node_modules\/\S+)/g)].map(([, path]) => path as string);
  expect(packages.length).toBeGreaterThan(5);
  for (const path of ['package.json', 'serving', ...packages])
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
    for (const [, path] of page.matchAll(/(?:href|src)="(\/[^"]+)"/g))
      expect((await fetch(url + path)).status, path).toBe(200);
  }
  const row = { vol_moving_avg: Float64Array.of(1), adj_close_rolling_med: Float64Array.of(1) };
  const answer = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.apache.arrow.stream' },
    body: new Uint8Array(tableToIPC(tableFromArrays(row), 'stream')),
  });
  expect(answer.status).toBe(200);
});

it.each(['tasks', 'train'])('copies into the image of %s what is imported there, and no more', (name) => {
  const lines = readFileSync(`docker/images/${name}.Dockerfile`, 'utf8').matchAll(
    /^COPY (serving\/.*) serving\/$/gm,
  );
  const copied = [...lines].flatMap(([, files = '']) => files.split(' '));
  const importsOf = (file: string) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, path = '']) =>
      join(dirname(file), path),
    );
  const needed = new Set(globSync('tasks/**/*.ts').flatMap(importsOf));
  for (const file of needed) for (const other of importsOf(file)) needed.add(other);
  expect(copied.sort()).toEqual([...needed].filter((file) => file.startsWith('serving/')).sort());
});
