import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { ROOT, start, until } from '../support/command.ts';
import { deployFile, runTool } from '../support/deployed.ts';
import { makeFolder } from '../support/fixtures.ts';
import { constantModel } from '../support/tiny-model.ts';

const VERSION = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;

describe('the Kubernetes manifest', () => {
  const manifest = deployFile('kubernetes.yaml');

  it.each(['1.25', '1.37'])('is valid for Kubernetes %s, without unknown fields', async (version) => {
    const output = await runTool('kubernetes-validate', [
      ...['--strict', '--kubernetes-version', version],
      join(ROOT, 'docker/deploy/kubernetes.yaml'),
    ]);
    const resources = [...output.matchAll(/passed for resource (\w+)\//g)].map(([, kind]) => kind);
    expect(resources).toEqual(['deployment', 'service', 'poddisruptionbudget']);
  });

  it('gives the server time to finish its requests', () => {
    const seconds = (pattern: RegExp) => Number(pattern.exec(manifest)?.[1]);
    const grace = seconds(/terminationGracePeriodSeconds: (\d+)/);
    const sleep = seconds(/command: \[sleep, "(\d+)"\]/);
    const drain = seconds(/name: DRAIN_MS\n\s+value: "(\d+)"/) / 1_000;
    expect(sleep + drain).toBeLessThan(grace);
  });

  it('asks for paths and a port that the server has', () => {
    expect([...manifest.matchAll(/path: (\/\S+)/g)].map(([, path]) => path)).toEqual([
      '/health/ready',
      '/health/live',
    ]);
    const dockerfile = readFileSync(join(ROOT, 'docker/images/serving.Dockerfile'), 'utf8');
    expect(dockerfile).toContain(`EXPOSE ${/containerPort: (\d+)/.exec(manifest)?.[1]}\n`);
  });
});

it.each([
  ['kubernetes.yaml', /image: \S+:(\S+)$/m],
  ['serving.compose.yaml', /image: \S+:\$\{VERSION:-(\S+)\}$/m],
])('%s names the image of this version', (file, pattern) => {
  expect(pattern.exec(deployFile(file))?.[1]).toBe(VERSION);
});

it('Compose accepts the compose file', async () => {
  const script = 'docker compose version >/dev/null 2>&1 && set -- docker compose || set -- docker-compose';
  const command = `${script}; exec "$@" --file docker/deploy/serving.compose.yaml config`;
  const { code, stdout, stderr } = await start('sh', ['-c', command], { STORE: '/srv/store' }).ended;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain('source: /srv/store\n');
  expect((await start('sh', ['-c', command]).ended).stderr).toContain('set STORE to the folder');
});

describe('the systemd unit', () => {
  const unit = deployFile('stock-market-serving.service', { '/opt/stock-market': ROOT.replace(/\/$/, '') });
  const values = (name: string) =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string);

  it('is valid', async () => {
    const file = join(makeFolder(), 'stock-market-serving.service');
    writeFileSync(file, unit);
    expect(await runTool('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file])).toBe('');
  });

  it('starts the server, and knows its exit codes', async () => {
    const store = makeFolder();
    writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
    const run = (environment: Record<string, string>) => {
      const [file = '', ...args] = values('ExecStart').join('').split(' ');
      const own = Object.fromEntries(values('Environment').map((text) => text.split(/=(.*)/s, 2)));
      const running = start(file, args, { ...own, STORE: store, PORT: '0', ...environment });
      onTestFinished(() => void running.process.kill('SIGKILL'));
      return running;
    };
    const running = run({});
    let log = '';
    running.process.stderr?.on('data', (data) => (log += data));
    await until(() => log.includes('listening on'), 'the server to listen');
    running.process.kill('SIGTERM');
    expect(values('SuccessExitStatus')).toEqual([String((await running.ended).code)]);
    expect(values('RestartPreventExitStatus')).toEqual([String((await run({ PORT: 'x' }).ended).code)]);
  });

  it('gives the server time to finish its requests', () => {
    const drain = values('Environment').find((value) => value.startsWith('DRAIN_MS='));
    expect(Number(drain?.split('=')[1])).toBeLessThan(Number(values('TimeoutStopSec')[0]) * 1_000);
  });
});
