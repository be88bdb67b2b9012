import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { publishModel } from '../../../tasks/store/models.ts';
import { Store } from '../../../tasks/store/store.ts';
import { hashStore, makeFolder } from '../../support/fixtures.ts';
import { addModel } from '../../support/tiny-model.ts';

const DATE = '2020-01-01';
const FEATURES = 'fedcba9876543210';
const KEYS = ['0000000000000001', '0000000000000002'] as const;

describe('publishing a model', () => {
  it('keeps a model with the same key', async () => {
    const store = makeFolder();
    await publish(store, modelBytes(0), KEYS[0]);
    const before = hashStore(store);
    await publish(store, modelBytes(1), KEYS[0]);
    expect(hashStore(store)).toEqual(before);
  });

  it.each([
    ['--seed 2 instead of 1', { seed: '2' }],
    ['--half-life 4 instead of 8', { half_life: '4' }],
    ['--seed 2 instead of 1 and --half-life 4 instead of 8', { seed: '2', half_life: '4' }],
  ])(
    'refuses to replace a model of the same features with %s, unless asked to',
    async (reason, provenance) => {
      const store = makeFolder();
      await publish(store, modelBytes(0, DATE, provenance), KEYS[0]);
      const before = hashStore(store);
      const publishing = publish(store, modelBytes(1), KEYS[1]);
      await expect(publishing).rejects.toThrow(PermanentError);
      await expect(publishing).rejects.toThrow(
        `${store}/models/${DATE}: there is already a model as of ${DATE} of the same features, trained with ${reason}; use --replace`,
      );
      expect(hashStore(store)).toEqual(before);
      await publish(store, modelBytes(1), KEYS[1], true);
      expectKept(store, before);
      expect(readModelFile(store, DATE).equals(modelBytes(1))).toBe(true);
    },
  );

  it.each([
    ['of other features', { features_key: '0000000000000000' }],
    ['of other features with other options', { features_key: '0000000000000000', seed: '2' }],
    ['of another version of the training', {}],
  ])('puts a model aside that is %s, even without replace', async (_kind, provenance) => {
    const store = makeFolder();
    await publish(store, modelBytes(0, DATE, provenance), KEYS[0]);
    const before = hashStore(store);
    await publish(store, modelBytes(1), KEYS[1]);
    expectKept(store, before);
    expect(readModelFile(store, DATE).equals(modelBytes(1))).toBe(true);
  });

  it.each([
    ['damaged', () => Buffer.from('damaged')],
    ['truncated', () => modelBytes(0).subarray(0, -4)],
    ['of another date', () => modelBytes(0, '2019-01-01')],
  ])('puts a model aside that is %s, even without replace', async (_kind, bytes) => {
    const store = makeFolder();
    await publish(store, bytes(), KEYS[0]);
    const before = hashStore(store);
    await publish(store, modelBytes(1), KEYS[1]);
    expectKept(store, before);
  });

  it('puts a folder without model.bin aside', async () => {
    const store = makeFolder();
    mkdirSync(join(store, 'models', DATE), { recursive: true });
    writeFileSync(join(store, 'models', DATE, 'note.txt'), 'mine');
    const before = hashStore(store);
    await publish(store, modelBytes(1), KEYS[1]);
    expectKept(store, before);
  });

  it('uses another name if the first is taken, and keeps both', async () => {
    const store = makeFolder();
    await publish(store, modelBytes(0), KEYS[0]);
    await publish(store, modelBytes(1), KEYS[1], true);
    await publish(store, modelBytes(0), KEYS[0], true);
    const before = hashStore(store);
    await publish(store, modelBytes(1), KEYS[1], true);
    expect(readdirSync(join(store, 'models'))).toHaveLength(4);
    expectKept(store, before);
  });
});

/** The model.bin of a model with this output. */
function modelBytes(number: number, date = DATE, provenance: Record<string, string> = {}): Buffer {
  const store = makeFolder();
  addModel(store, [number, 0, 0], date, { features_key: FEATURES, seed: '1', half_life: '8', ...provenance });
  return readModelFile(store, date);
}

/** Publishes these bytes as training does. */
async function publish(store: string, bytes: Buffer, key: string, replace = false): Promise<void> {
  const opened = await Store.open(store);
  await using scratch = await opened.scratch();
  writeFileSync(join(scratch.path, 'model.bin'), bytes);
  writeFileSync(join(scratch.path, 'metrics.json'), JSON.stringify({ key }));
  const hyperparameters = { seed: 1, half_life: 8 };
  const plan = { asOf: DATE, key, featuresKey: FEATURES, hyperparameters, replace };
  await publishModel(scratch.path, plan, opened);
}

/** Expects that every file is still there, perhaps under another name. */
function expectKept(store: string, before: Record<string, string>): void {
  expect(Object.values(hashStore(store))).toEqual(expect.arrayContaining(Object.values(before)));
}

function readModelFile(store: string, name: string): Buffer {
  return readFileSync(join(store, 'models', name, 'model.bin'));
}
