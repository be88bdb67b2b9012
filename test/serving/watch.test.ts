import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderSource } from '../../serving/champion.ts';
import { createMetrics, type Watched } from '../../serving/metrics.ts';
import { encodeModel } from '../../serving/model-file.ts';
import { Shadow } from '../../serving/shadow.ts';
import { createWatch } from '../../serving/watch.ts';
import { makeFolder } from '../fixtures.ts';
import { addModel, constantModel } from '../tiny-model.ts';

it('tries a challenger again that could not be read, and tells of it once', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([0, 0, 0], '2020-01-01')));
  const folder = join(store, 'models', '2021-01-01');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.bin'), 'damaged');
  const watched: Watched = {
    service: { current: undefined },
    drift: undefined,
    shadow: new Shadow(),
    predictions: 0,
  };
  const metrics = createMetrics(watched);
  const errors: string[] = [];
  const look = createWatch(
    folderSource(store),
    { watched, metrics, shadow: 'newest' },
    (level, message) => void (level === 'error' && errors.push(message)),
  );
  await look();
  await look();
  expect(watched.shadow.challenger).toBeUndefined();
  expect(errors).toEqual([expect.stringMatching(/^the challenger 2021-01-01: /)]);

  addModel(store, [0, 0, 0], '2021-01-01');
  await look();
  expect(watched.shadow.challenger?.version).toBe('2021-01-01');

  rmSync(folder, { recursive: true });
  await look();
  expect(watched.shadow.challenger).toBeUndefined();
  expect(errors).toHaveLength(1);
});
