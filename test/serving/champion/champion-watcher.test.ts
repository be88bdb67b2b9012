import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Prediction } from '../../../model/model.ts';
import { encodeModel } from '../../../model/model-file.ts';
import { createApp } from '../../../serving/app.ts';
import { createChampionWatcher } from '../../../serving/champion/champion-watcher.ts';
import { folderSource } from '../../../serving/champion/model-source.ts';
import { createMetrics, type ServingState } from '../../../serving/metrics/metrics.ts';
import { createRoutes } from '../../../serving/routes/routes.ts';
import { Shadow } from '../../../serving/scoring/shadow.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { addModel, constantModel } from '../../support/tiny-model.ts';

const [FIRST, LATER] = ['2020-01-01', '2020-02-01'].map((asOf) =>
  encodeModel(constantModel([0, 0, 0], asOf)),
) as [Buffer, Buffer];

describe('a model.bin that champion.json does not name', () => {
  let store: string;
  const put = (name: 'model.bin' | 'champion.json', content: Buffer | string) =>
    writeFileSync(join(store, name), content);

  beforeEach(() => {
    store = makeFolder();
    put('model.bin', FIRST);
    put('champion.json', championOf(FIRST));
  });

  it.each([
    ['is not JSON', '{"sha256"', 'champion.json is not JSON with a sha256'],
    ['names no model', '{}', 'champion.json is not JSON with a sha256'],
    ['is null', 'null', 'champion.json is not JSON with a sha256'],
    ['names the previous model', championOf(FIRST), 'champion.json names the model'],
  ])('does not replace the model in service while champion.json %s', async (_, champion, reason) => {
    const { state, check, errors, failures } = watchStore(store);
    const { service } = state;
    await check();
    put('model.bin', LATER);
    put('champion.json', champion);
    await check();
    expect(service.fault).toBeUndefined();
    for (let i = 0; i < 3; i++) await check();
    expect(service.current?.version).toBe('2020-01-01');
    expect(service.fault).toContain(reason);
    expect(errors).toEqual([expect.stringContaining(`${reason}`)]);
    expect(errors[0]).toContain('the model as of 2020-01-01 stays in service; run the task promote again');
    expect(await failures()).toEqual(['"champion.json"} 1', ' 1']);
    const answer = await createApp(createRoutes(service), () => {}).request('/health/ready');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'ready', model: '2020-01-01', refused: service.fault });

    put('champion.json', championOf(LATER));
    await check();
    expect(service.current?.version).toBe('2020-02-01');
    expect(service.fault).toBeUndefined();
    expect(await failures()).toEqual(['"champion.json"} 1', ' 0']);
  });

  it('is used if no model is in service, and the fault names champion.json', async () => {
    put('model.bin', LATER);
    const { state, check, failures } = watchStore(store);
    await check();
    expect(state.service.current?.version).toBe('2020-02-01');
    expect(state.service.fault).toContain('champion.json names the model');
    expect(await failures()).toEqual(['"champion.json"} 1', ' 1']);
  });

  it('has another fault than a damaged model.bin', async () => {
    const { state, check, failures } = watchStore(store);
    await check();
    put('model.bin', LATER.subarray(0, -1));
    for (let i = 0; i < 3; i++) await check();
    expect(state.service.current?.version).toBe('2020-01-01');
    expect(state.service.fault).toMatch(/^model\.bin is damaged/);
    expect(await failures()).toEqual(['"model.bin"} 1', ' 1']);
  });

  it('is no failure during a promotion', async () => {
    const { state, check, failures } = watchStore(store);
    await check();
    put('model.bin', LATER);
    await check();
    put('champion.json', championOf(LATER));
    await check();
    expect(state.service.current?.version).toBe('2020-02-01');
    expect(await failures()).toEqual([' 0']);
  });
});

it('counts separately for each challenger', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), FIRST);
  const { state, check } = watchStore(store);
  const { service, shadow } = state;
  const ask = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const prediction = service.current?.predictor.predict(9, 1) as Prediction;
      service.observe?.(9, 1, prediction);
    }
    await new Promise(setImmediate);
  };
  // This challenger predicts twice the champion's volume.
  addModel(store, [Math.LN2, 0, 0], '2020-03-01');
  await check();
  await ask(3);
  addModel(store, [0, 0, 0], '2020-04-01');
  await check();
  await ask(2);
  expect([...shadow.totals.keys()]).toEqual(['2020-03-01', '2020-04-01']);
  expect(shadow.totals.get('2020-03-01')).toMatchObject({ rows: 3, disagreements: 3, dropped: 0 });
  expect(shadow.totals.get('2020-03-01')?.distance).toBeCloseTo(3 * Math.LN2, 6);
  expect(shadow.totals.get('2020-04-01')).toEqual({ rows: 2, disagreements: 0, dropped: 0, distance: 0 });
});

it('retries a challenger that could not be read, and logs the error once', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([0, 0, 0], '2020-01-01')));
  const folder = join(store, 'models', '2021-01-01');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.bin'), 'damaged');
  const { state, check, errors } = watchStore(store);
  await check();
  await check();
  expect(state.shadow.challenger).toBeUndefined();
  expect(errors).toEqual([expect.stringMatching(/^the challenger 2021-01-01: /)]);

  addModel(store, [0, 0, 0], '2021-01-01');
  await check();
  expect(state.shadow.challenger?.version).toBe('2021-01-01');

  rmSync(folder, { recursive: true });
  await check();
  expect(state.shadow.challenger).toBeUndefined();
  expect(errors).toHaveLength(1);
});

it('loads a challenger again that was retrained for the same date', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([0, 0, 0], '2020-01-01')));
  addModel(store, [0, 0, 0], '2021-01-01');
  const { state, check } = watchStore(store);
  await check();
  expect(state.shadow.challenger?.predictor.predict(100, 1).point).toBeCloseTo(100, 3);
  addModel(store, [Math.LN2, 0, 0], '2021-01-01');
  await check();
  // 2 (1 + 100) - 1
  expect(state.shadow.challenger?.predictor.predict(100, 1).point).toBeCloseTo(201, 3);
});

it('keeps its model when model.bin is deleted, logs that once, and has no fault once the file is back', async () => {
  const store = makeFolder();
  const bytes = encodeModel(constantModel([0, 0, 0], '2020-01-01'));
  writeFileSync(join(store, 'model.bin'), bytes);
  const { state, check, errors } = watchStore(store);
  await check();
  rmSync(join(store, 'model.bin'));
  await check();
  await check();
  expect(state.service).toMatchObject({ fault: 'model.bin is gone', current: { version: '2020-01-01' } });
  expect(errors).toEqual([expect.stringMatching(/^model\.bin is gone; the model as of 2020-01-01 stays/)]);
  writeFileSync(join(store, 'model.bin'), bytes);
  await check();
  expect(state.service.fault).toBeUndefined();
});

it('has a fault while the store is unreachable, and afterwards only if the model in it was rejected', async () => {
  const store = makeFolder();
  const away = `${store}-away`;
  const model = encodeModel(constantModel([0, 0, 0], '2020-01-01'));
  writeFileSync(join(store, 'model.bin'), model);
  const { state, check } = watchStore(store);
  const loseStore = async () => {
    renameSync(store, away);
    writeFileSync(store, 'not a folder');
    await check();
    expect(state.service.fault).toMatch(/^model\.bin ENOTDIR/);
    rmSync(store);
    renameSync(away, store);
    await check();
  };
  await check();
  await loseStore();
  expect(state.service.fault).toBeUndefined();

  writeFileSync(join(store, 'model.bin'), model.subarray(0, -4));
  await check();
  const fault = state.service.fault;
  expect(fault).toMatch(/^model\.bin /);
  await loseStore();
  expect(state.service.fault).toBe(fault);
  expect(state.service.current?.version).toBe('2020-01-01');
});

/** A watcher of a store, its errors, and the failure metrics. */
function watchStore(store: string) {
  const state: ServingState = {
    service: { current: undefined },
    drift: undefined,
    shadow: new Shadow(),
    rows: 0,
    requests: 0,
  };
  const metrics = createMetrics(state);
  const errors: string[] = [];
  const check = createChampionWatcher(
    folderSource(store),
    { state, metrics, shadow: 'newest' },
    (level, message) => void (level === 'error' && errors.push(message)),
  );
  const failures = async () => {
    const text = await metrics.register.metrics();
    const lines = text.match(/^model_load(_failed|s_total\{outcome="failure").*$/gm) ?? [];
    return lines
      .map((line) => line.replace(/^.*_failed|^.*reason=/, ''))
      .filter((line) => !line.endsWith('} 0'));
  };
  return { state, check, errors, failures };
}

function championOf(bytes: Buffer): string {
  return JSON.stringify({ sha256: createHash('sha256').update(bytes).digest('hex') });
}
