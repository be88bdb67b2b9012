import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeModel } from '../../../model/model-file.ts';
import { readLosses, readScores, reportModel } from '../../../serving/champion/model-report.ts';
import { folderSource } from '../../../serving/champion/model-source.ts';
import { surfaceOf } from '../../../serving/scoring/response-surface.ts';
import { inService } from '../../../serving/scoring/service.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { addModel, constantModel } from '../../support/tiny-model.ts';

const OUTPUTS = [Math.LN2, 0, 0] as const;

it('computes a surface over the cells with training rows', async () => {
  const surface = await surfaceOf(inService(constantModel([...OUTPUTS])));
  // The only cell with rows starts at the edges 1 and 0 and is open: it is taken as one unit wide.
  expect(surface.vol_moving_avg).toEqual([1, 2]);
  expect(surface.adj_close_rolling_med).toEqual([0, 1]);
  expect(surface.cells).toEqual([{ vol_moving_avg: [1, 2], adj_close_rolling_med: [0, 1], share: 1 }]);
  const { columns, rows, prediction, in_domain } = surface;
  expect(prediction).toHaveLength(columns * rows);
  // vol_moving_avg goes from e - 1 to e² - 1.
  // Each prediction is 2 (1 + vol_moving_avg) - 1, to four digits.
  expect(prediction.slice(0, 1)).toEqual([4.437]);
  expect(prediction.at(-1)).toBe(13.78);
  expect(new Set(in_domain)).toEqual(new Set([1]));
});

it('computes it over all cells if none has training rows', async () => {
  const model = constantModel([...OUTPUTS]);
  model.density.shares.fill(0);
  const surface = await surfaceOf(inService(model));
  expect(surface).toMatchObject({ vol_moving_avg: [0, 2], adj_close_rolling_med: [-1, 1], cells: [] });
  expect(new Set(surface.in_domain)).toEqual(new Set([0]));
});

it('reads losses, skips invalid lines, and downsamples long curves to means', () => {
  const csv =
    'step,epoch,split,loss\n1,1,training,3\n2,1,training,NaN\n3,1,training,\nx\n4,1,validation,2.5\n5,1,__proto__,1\n';
  expect(readLosses(csv)).toEqual({ training: [[1, 3]], validation: [[4, 2.5]] });
  expect(readLosses('')).toBeNull();
  const lines = Array.from({ length: 480 }, (_, step) => `${step + 1},1,training,${step % 2}\n`);
  const { training } = readLosses(`step,epoch,split,loss\n${lines.join('')}`) ?? { training: [] };
  // Pairs of steps: 1 and 2 have the losses 0 and 1.
  expect(training).toHaveLength(240);
  expect(training[0]).toEqual([1.5, 0.5]);
});

it('reads the scores of metrics.json, with or without means, and nothing from another file', () => {
  const all = { part: 'all', rows: 2, below_p10: 0, below_p50: 0.5, below_p90: 1 };
  const decile = { ...all, part: '0 to 9', mean_volume: 4, mean_prediction: 5 };
  const json = JSON.stringify({ key: 'k', all: { ...all, mae: 1 }, by_decile: [decile] });
  expect(readScores(json)).toEqual({ all, by_decile: [decile] });
  for (const other of [
    '',
    '{',
    'null',
    '{}',
    json.replace('0.5', '"0.5"'),
    json.replace('[{', '{').replace('}]', '}'),
  ])
    expect(readScores(other)).toBeNull();
});

it('has the card, the losses and the scores only if they belong to the model in service', async () => {
  const store = makeFolder();
  addModel(store, [...OUTPUTS], '2020-01-01');
  writeFileSync(join(store, 'models/2020-01-01/card.md'), '# A card');
  writeFileSync(join(store, 'models/2020-01-01/losses.csv'), 'step,epoch,split,loss\n1,1,training,3\n');
  const all = { part: 'all', rows: 2, below_p10: 0, below_p50: 0.5, below_p90: 1 };
  writeFileSync(join(store, 'models/2020-01-01/metrics.json'), JSON.stringify({ all, by_decile: [] }));
  const service = { current: inService(constantModel([...OUTPUTS])) };
  const source = folderSource(store);
  expect(await reportModel(service, source)).toMatchObject({
    version: '2020-01-01',
    fault: null,
    card: '# A card',
    losses: { training: [[1, 3]], validation: [] },
    scores: { all, by_decile: [] },
  });
  addModel(store, [Math.log(3), 0, 0], '2020-01-01');
  expect(await reportModel(service, source)).toMatchObject({
    version: '2020-01-01',
    card: null,
    losses: null,
    scores: null,
  });
});

it('does not read outside models/ for an as-of date with a path', async () => {
  const store = makeFolder();
  const asOf = '../elsewhere';
  mkdirSync(join(store, 'models'));
  mkdirSync(join(store, 'elsewhere'));
  writeFileSync(join(store, 'elsewhere/card.md'), '# A secret');
  const model = constantModel([...OUTPUTS], asOf);
  writeFileSync(join(store, 'elsewhere/model.bin'), encodeModel(model));
  expect(await folderSource(store).trainingFile(asOf, 'card.md')).toBeUndefined();
  expect(await reportModel({ current: inService(model) }, folderSource(store))).toMatchObject({ card: null });
});

it('says why no model is in service', async () => {
  const report = await reportModel({ current: undefined, fault: 'model.bin is damaged' }, undefined);
  expect(report).toMatchObject({ version: null, fault: 'model.bin is damaged', surface: null });
});
