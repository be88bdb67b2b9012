import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Prediction } from '../../../model/model.ts';
import { encodeModel } from '../../../model/model-file.ts';
import { createApp } from '../../../serving/app.ts';
import { createChampionWatcher } from '../../../serving/champion/champion-watcher.ts';
import { folderSource } from '../../../serving/champion/model-source.ts';
import { createMetrics, type Watched } from '../../../serving/metrics/metrics.ts';
import { createRoutes } from '../../../serving/routes/routes.ts';
import { Shadow } from '../../../serving/scoring/shadow.ts';
import { makeFolder } from '../../support/fixtures.ts';
import { addModel, constantModel } from '../../support/tiny-model.ts';

const [FIRST, LATER] = ['2020-01-01', '2020-02-01'].map((asOf) =>
  encodeModel(constantModel([0, 0, 0], asOf)),
) as [Buffer, Buffer];

describe('a model that champion.json does not vouch for', () => {
  let store: string;
  const put = (name: 'model.bin' | 'champion.json', content: Buffer | string) =>
    writeFileSync(join(store, name), content);

  beforeEach(() => {
    store = makeFolder();
    put('model.bin', FIRST);
    put('champion.json', championOf(FIRST));
  });

  it.each([
    ['is no JSON', '{"sha256"', 'champion.json is broken'],
    ['names nothing', '{}', 'champion.json is broken'],
    ['is null', 'null', 'champion.json is broken'],
    ['names the model before', championOf(FIRST), 'champion.json names the model'],
  ])('does not replace one in service while champion.json %s', async (_, champion, reason) => {
    const { watched, look, errors, failures } = watch(store);
    const { service } = watched;
    await look();
    put('model.bin', LATER);
    put('champion.json', champion);
    await look();
    expect(service.fault).toBeUndefined();
    for (let i = 0; i < 3; i++) await look();
    expect(service.current?.version).toBe('2020-01-01');
    expect(service.fault).toContain(reason);
    expect(errors).toEqual([expect.stringContaining(`${reason}`)]);
    expect(errors[0]).toContain('the model as of 2020-01-01 stays in service; run the task promote again');
    expect(await failures()).toEqual(['"champion.json"} 1', ' 1']);
    const answer = await createApp(createRoutes(service), () => {}).request('/health/ready');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'ready', model: '2020-01-01', refused: service.fault });

    put('champion.json', championOf(LATER));
    await look();
    expect(service.current?.version).toBe('2020-02-01');
    expect(service.fault).toBeUndefined();
    expect(await failures()).toEqual(['"champion.json"} 1', ' 0']);
  });

  it('is taken where none is in service, and champion.json complained of', async () => {
    put('model.bin', LATER);
    const { watched, look, failures } = watch(store);
    await look();
    expect(watched.service.current?.version).toBe('2020-02-01');
    expect(watched.service.fault).toContain('champion.json names the model');
    expect(await failures()).toEqual(['"champion.json"} 1', ' 1']);
  });

  it('is told apart from a model file that is damaged itself', async () => {
    const { watched, look, failures } = watch(store);
    await look();
    put('model.bin', LATER.subarray(0, -1));
    for (let i = 0; i < 3; i++) await look();
    expect(watched.service.current?.version).toBe('2020-01-01');
    expect(watched.service.fault).toMatch(/^model\.bin is damaged/);
    expect(await failures()).toEqual(['"model.bin"} 1', ' 1']);
  });

  it('is waited for during a promotion', async () => {
    const { watched, look, failures } = watch(store);
    await look();
    put('model.bin', LATER);
    await look();
    put('champion.json', championOf(LATER));
    await look();
    expect(watched.service.current?.version).toBe('2020-02-01');
    expect(await failures()).toEqual([' 0']);
  });
});

it('counts what each challenger came to apart', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), FIRST);
  const { watched, look } = watch(store);
  const { service, shadow } = watched;
  const ask = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const prediction = service.current?.predictor.predict(9, 1) as Prediction;
      service.observe?.(9, 1, prediction);
    }
    await new Promise(setImmediate);
  };
  // A challenger that doubles what the champion says.
  addModel(store, [Math.LN2, 0, 0], '2020-03-01');
  await look();
  await ask(3);
  addModel(store, [0, 0, 0], '2020-04-01');
  await look();
  await ask(2);
  expect([...shadow.totals.keys()]).toEqual(['2020-03-01', '2020-04-01']);
  expect(shadow.totals.get('2020-03-01')).toMatchObject({ rows: 3, disagreements: 3, dropped: 0 });
  expect(shadow.totals.get('2020-03-01')?.distance).toBeCloseTo(3 * Math.LN2, 6);
  expect(shadow.totals.get('2020-04-01')).toEqual({ rows: 2, disagreements: 0, dropped: 0, distance: 0 });
});

it('tries a challenger again that could not be read, and tells of it once', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([0, 0, 0], '2020-01-01')));
  const folder = join(store, 'models', '2021-01-01');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.bin'), 'damaged');
  const { watched, look, errors } = watch(store);
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

it('scores with a challenger that was trained anew for the same date', async () => {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([0, 0, 0], '2020-01-01')));
  addModel(store, [0, 0, 0], '2021-01-01');
  const { watched, look } = watch(store);
  await look();
  expect(watched.shadow.challenger?.predictor.predict(100, 1).point).toBeCloseTo(100, 3);
  addModel(store, [Math.LN2, 0, 0], '2021-01-01');
  await look();
  // Twice 101, less 1
  expect(watched.shadow.challenger?.predictor.predict(100, 1).point).toBeCloseTo(201, 3);
});

it('goes on without its model.bin, says once that it is gone, and takes the same again', async () => {
  const store = makeFolder();
  const bytes = encodeModel(constantModel([0, 0, 0], '2020-01-01'));
  writeFileSync(join(store, 'model.bin'), bytes);
  const { watched, look, errors } = watch(store);
  await look();
  rmSync(join(store, 'model.bin'));
  await look();
  await look();
  expect(watched.service).toMatchObject({ fault: 'model.bin is gone', current: { version: '2020-01-01' } });
  expect(errors).toEqual([expect.stringMatching(/^model\.bin is gone; the model as of 2020-01-01 stays/)]);
  writeFileSync(join(store, 'model.bin'), bytes);
  await look();
  expect(watched.service.fault).toBeUndefined();
});

it('finds fault while the store is away, and with a refused model when it is back, but with no sound one', async () => {
  const store = makeFolder();
  const away = `${store}-away`;
  const model = encodeModel(constantModel([0, 0, 0], '2020-01-01'));
  writeFileSync(join(store, 'model.bin'), model);
  const { watched, look } = watch(store);
  const leave = async () => {
    renameSync(store, away);
    writeFileSync(store, 'no folder');
    await look();
    expect(watched.service.fault).toMatch(/^model\.bin ENOTDIR/);
    rmSync(store);
    renameSync(away, store);
    await look();
  };
  await look();
  await leave();
  expect(watched.service.fault).toBeUndefined();

  writeFileSync(join(store, 'model.bin'), model.subarray(0, -4));
  await look();
  const fault = watched.service.fault;
  expect(fault).toMatch(/^model\.bin /);
  await leave();
  expect(watched.service.fault).toBe(fault);
  expect(watched.service.current?.version).toBe('2020-01-01');
});

/** Looks at a store, and what came of it. */
function watch(store: string) {
  const watched: Watched = {
    service: { current: undefined },
    drift: undefined,
    shadow: new Shadow(),
    rows: 0,
    requests: 0,
  };
  const metrics = createMetrics(watched);
  const errors: string[] = [];
  const look = createChampionWatcher(
    folderSource(store),
    { watched, metrics, shadow: 'newest' },
    (level, message) => void (level === 'error' && errors.push(message)),
  );
  const failures = async () => {
    const text = await metrics.register.metrics();
    const lines = text.match(/^model_load(_failed|s_total\{outcome="failure").*$/gm) ?? [];
    return lines
      .map((line) => line.replace(/^.*_failed|^.*reason=/, ''))
      .filter((line) => !line.endsWith('} 0'));
  };
  return { watched, look, errors, failures };
}

function championOf(bytes: Buffer): string {
  return JSON.stringify({ sha256: createHash('sha256').update(bytes).digest('hex') });
}
