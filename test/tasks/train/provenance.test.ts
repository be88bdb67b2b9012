import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { decodeModel } from '../../../model/model-file.ts';
import { findGitCommit } from '../../../tasks/train/provenance.ts';
import { makeFolder } from '../../support/fixtures.ts';

const { store: sample } = inject('sample');

it('model.bin and metrics.json record the data and the programs that made the model', () => {
  const [asOf] = readdirSync(join(sample, 'models')) as [string];
  const metrics = JSON.parse(readFileSync(join(sample, 'models', asOf, 'metrics.json'), 'utf8'));
  const keyOf = (dataset: string) =>
    JSON.parse(readFileSync(join(sample, dataset, 'latest.json'), 'utf8')).key;
  const versionOf = (name: string) =>
    JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
  const provenance = {
    features_key: keyOf('features'),
    prices_key: keyOf('prices'),
    tfjs_version: versionOf('@tensorflow/tfjs'),
    node_version: process.version,
    duckdb_version: expect.stringMatching(/^v\d+\.\d+\.\d+$/),
  };
  expect(metrics).toMatchObject(provenance);
  const model = decodeModel(readFileSync(join(sample, 'models', asOf, 'model.bin')));
  expect(model.provenance).toMatchObject(provenance);
  expect(model.provenance.git_commit).toBe(metrics.git_commit);
});

it('the commit is that of the checkout, with -dirty where files differ from it', async () => {
  const folder = makeFolder();
  expect(await findGitCommit(folder)).toBeUndefined();
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  git('init');
  writeFileSync(join(folder, 'file'), 'one');
  git('add', 'file');
  git('commit', '--message', 'Add a file');
  git('tag', 'v1');
  const commit = git('rev-parse', 'HEAD');
  expect(await findGitCommit(folder)).toBe(commit);
  // A copy of the program inside another project's checkout has no commit.
  mkdirSync(join(folder, 'inside'));
  expect(await findGitCommit(join(folder, 'inside'))).toBeUndefined();
  writeFileSync(join(folder, 'file'), 'two');
  expect(await findGitCommit(folder)).toBe(`${commit}-dirty`);
});
