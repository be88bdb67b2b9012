import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { features } from '../../../tasks/features/features.ts';
import { PermanentError } from '../../../tasks/lib/errors.ts';
import { crc32OfFile, toCheckedJson } from '../../../tasks/store/checksum.ts';
import { type TrainOptions, train } from '../../../tasks/train/train.ts';
import { type Running, runCli, runTask, start, startCli, succeed, until } from '../../support/command.ts';
import { mayMount, runOnDisk } from '../../support/disk.ts';
import {
  csvOfVolumes,
  damageFeatures,
  hashStore,
  ingestFiles,
  listScratch,
  makeFolder,
  query,
  runInProcess,
  TRAIN_OPTIONS,
} from '../../support/fixtures.ts';

const { store: sample } = inject('sample');
/** So early that training takes a second. */
const EARLY = '1984-01-01';

/** A store with the features of the sample, and no model. */
let store: string;
beforeEach(() => {
  store = makeFolder();
  cpSync(join(sample, 'features'), join(store, 'features'), { recursive: true });
});

describe('models/<as-of>', () => {
  const [asOf] = readdirSync(join(sample, 'models')) as [string];
  const read = (file: string) => readFileSync(join(sample, 'models', asOf, file), 'utf8');

  it('holds the model, its losses, its scores, plots and a card', () => {
    expect(readdirSync(join(sample, 'models', asOf)).sort()).toEqual([
      'calibration.svg',
      'card.md',
      'loss.svg',
      'losses.csv',
      'losses.jsonl',
      'metrics.json',
      'model.bin',
    ]);
  });

  it('has the loss of every step and of every epoch, in CSV and in JSON', () => {
    const [header, ...lines] = read('losses.csv').trim().split('\n');
    expect(header).toBe('step,epoch,split,loss');
    const losses = lines.map((line) => {
      const [step, epoch, split, loss] = line.split(',');
      return { step: Number(step), epoch: Number(epoch), split, loss: Number(loss) };
    });
    const jsonLines = read('losses.jsonl').trim().split('\n');
    expect(jsonLines.map((line) => JSON.parse(line))).toEqual(losses);

    const training = losses.filter(({ split }) => split === 'training');
    const validation = losses.filter(({ split }) => split === 'validation');
    expect(training.length + validation.length).toBe(losses.length);
    expect(training.map(({ step }) => step)).toEqual(training.map((_, index) => index + 1));
    expect(validation.map(({ epoch }) => epoch)).toEqual(validation.map((_, index) => index + 1));
    expect(training.at(-1)?.epoch).toBe(validation.length);
    expect(losses.every(({ loss }) => Number.isFinite(loss) && loss > 0)).toBe(true);
  });

  it('has a training loss that falls', () => {
    const losses = read('losses.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const mean = (values: { loss: number }[]) =>
      values.reduce((sum, { loss }) => sum + loss, 0) / values.length;
    const training = losses.filter(({ split }) => split === 'training');
    expect(mean(training.slice(-20))).toBeLessThan(mean(training.slice(0, 20)));
  });

  it('has a model with a smaller MAE than vol_moving_avg, on rows after its training rows', () => {
    const metrics = JSON.parse(read('metrics.json'));
    expect(metrics.as_of).toBe(asOf);
    expect(metrics.validation_from < asOf).toBe(true);
    expect(metrics.model.mae).toBeLessThan(metrics.vol_moving_avg.mae);
    expect(metrics.validation_from < metrics.measure_from && metrics.measure_from < asOf).toBe(true);
    expect(metrics.model.rows / metrics.validation_rows).toBeCloseTo(0.5, 1);
    const share = metrics.validation_rows / (metrics.training_rows + metrics.validation_rows);
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.15);
  });
});

describe('the model of a date and a seed', () => {
  it('has the same bytes in any store, on one processor and on all of them', async () => {
    const ended = await startOnOneProcessor('tasks/cli.ts', 'train', '--store', store).ended;
    expect(ended).toMatchObject({ code: 0 });
    expect(hashStore(store, 'models')).toEqual(hashStore(sample, 'models'));
  });

  // The sample's batches are too small for TensorFlow to split their sums over threads. These have
  // the maximum size.
  it('has the same weights after each step, on any processors and with any settings', async () => {
    const script = `
      import { Network } from './tasks/train/fit/network.ts';
      import { predictionLoss } from './tasks/train/fit/training-loss.ts';
      import { loadTensorFlow } from './tasks/train/tensorflow.ts';
      const tf = await loadTensorFlow();
      const network = new Network(1, tf);
      const optimizer = tf.train.adam(0.01);
      const inputs = tf.randomNormal([32_768, 2], 0, 1, 'float32', 1);
      const [targets, medianShares, weights] = [2, 3, 4].map((seed) => tf.randomUniform([32_768], 0, 1, 'float32', seed));
      const batch = { inputs, targets, medianShares, weights };
      for (let step = 0; step < 5; step++)
        optimizer.minimize(() => predictionLoss(network.predict(inputs), batch, tf));
      console.log(network.weights().flatMap(({ kernel, bias }) => [...kernel, ...bias]).join());`;
    const args = ['--input-type=module', '-e', script];
    const [one, all, set] = await Promise.all([
      startOnOneProcessor(...args).ended,
      start(process.execPath, args).ended,
      start(process.execPath, args, { TF_NUM_INTRAOP_THREADS: '4' }).ended,
    ]);
    expect(all.stdout.split(',')).toHaveLength(3 * 32 + 33 * 32 + 33 * 4);
    expect(one.stdout).toBe(all.stdout);
    expect(set.stdout).toBe(all.stdout);
  });

  // Daily rows from 2020-01-01 on: the hundredth is from 2020-04-09.
  it.each([
    ['2020-04-16', true, 7],
    ['2020-04-17', false, 8],
  ])(
    'has a check of the as-of date: %s gives passed %s, since the newest row is %d days older',
    async (asOf, passed, value) => {
      const volumes = Array.from({ length: 100 }, (_, day) => 1_000 + day);
      const { store: few } = await ingestFiles({ 'stocks/FEW.csv': csvOfVolumes(...volumes) });
      await runInProcess(features, { window: 2 }, few);
      const { checks } = await runInProcess(train, { ...TRAIN_OPTIONS, asOf }, few);
      const name = 'as_of_follows_the_newest_row';
      expect(checks).toContainEqual({ name, severity: 'warn', passed, value });
    },
  );

  it('is not trained twice, and has other bytes for another seed', async () => {
    const args = ['train', '--store', store, '--as-of', EARLY, '--seed'];
    expect(await runTask([...args, '3'])).toMatchObject({ status: 'done' });
    const before = hashStore(store, 'models');
    expect(await runTask([...args, '3'])).toMatchObject({ status: 'up_to_date' });
    expect(hashStore(store, 'models')).toEqual(before);
    const { code, message } = await runCli([...args, '4']);
    expect(code).toBe(2);
    expect(message).toContain(
      `models/${EARLY}: there is already a model as of ${EARLY} of the same features, trained with --seed 3 instead of 4; use --replace`,
    );
    expect(hashStore(store, 'models')).toEqual(before);
    expect(await runTask([...args, '4', '--replace'])).toMatchObject({ status: 'done' });
    const model = `models/${EARLY}/model.bin`;
    expect(before).toHaveProperty([model]);
    const after = hashStore(store, 'models');
    expect(after[model]).not.toBe(before[model]);
    const aside = `${EARLY}.${before[model]?.slice(0, 16)}`;
    for (const [name, hash] of Object.entries(before)) expect(after[name.replace(EARLY, aside)]).toBe(hash);
  });

  /** Starts Node on one processor, or on all of them where there is no taskset. */
  function startOnOneProcessor(...args: string[]): Running {
    const { stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
    const [processor] = /\d+(?=[-,\d]*$)/.exec(stdout?.trim() ?? '') ?? [];
    if (!processor) return start(process.execPath, args);
    return start('taskset', ['-c', processor, process.execPath, ...args]);
  }
});

describe('train refuses with the reason and publishes nothing for', () => {
  it.each<[string, Partial<TrainOptions>, string]>([
    // The first row is from 1973-02-21; the first full window, 30 rows later, is from the beginning
    // of April.
    ['a date before any full window', { asOf: '1973-03-01' }, 'has a full window'],
    ['a date that leaves no row to train on', { asOf: '1973-05-01' }, 'is left to train on'],
    ['a date before any row', { asOf: '1900-01-01' }, 'has a full window'],
    ['a key without features', { features: '0123456789abcdef' }, '0123456789abcdef'],
  ])('%s', async (_, options, reason) => {
    await expectRefusal(store, reason, options);
  });

  it('a store without features', async () => {
    rmSync(join(store, 'features'), { recursive: true });
    await expectRefusal(store, 'run features first');
  });

  it.each(['shard-03.parquet', 'shard-03.json'])('features without %s', async (file) => {
    const [key] = readdirSync(join(store, 'features')).filter((name) => !name.includes('.')) as [string];
    rmSync(join(store, 'features', key, file));
    await expectRefusal(
      store,
      'shards are missing or truncated: shard-03; make only these again: make run-task TASK=features',
    );
  });

  // The size stays the same, as with a flipped bit.
  it('features with a damaged shard', async () => {
    damageFeatures(store, 100, -20_000, 'shard-03');
    await expectRefusal(store, 'is damaged: its CRC-32 is ');
  });

  it('fewer rows than a window', async () => {
    const { store: few } = await ingestFiles({ 'stocks/FEW.csv': csvOfVolumes(...Array(29).fill(100)) });
    await runInProcess(features, { window: 30 }, few);
    await expectRefusal(few, 'has a full window');
  });

  async function expectRefusal(store: string, reason: string, options: Partial<TrainOptions> = {}) {
    const training = runInProcess(train, { ...TRAIN_OPTIONS, ...options }, store);
    await expect(training).rejects.toThrow(reason);
    await expect(training).rejects.toThrow(PermanentError);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(listScratch(store)).toEqual([]);
  }
});

describe('training that is stopped', () => {
  it('by SIGTERM exits with 143 within 3 s and leaves its losses so far, but no model and no scratch', async () => {
    const running = startCli(['train', '--store', store]);
    await untilSteps(10);
    const stopped = performance.now();
    running.process.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(performance.now() - stopped).toBeLessThan(3_000);
    expectLosses(10, stderr);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(listScratch(store)).toEqual([]);
  });

  it('by kill -9 leaves its losses so far, and the next run gives the usual model', async () => {
    const running = startCli(['train', '--store', store]);
    await untilSteps(10);
    running.process.kill('SIGKILL');
    const { signal, stderr } = await running.ended;
    expect(signal).toBe('SIGKILL');
    const kept = expectLosses(10, stderr);
    expect(existsSync(join(store, 'models'))).toBe(false);
    await succeed(['train', '--store', store]);
    expect(hashStore(store, 'models')).toEqual(hashStore(sample, 'models'));
    expect(readFileSync(join(runFolder(), 'losses.csv'), 'utf8')).toBe(kept);
    // The next run has a separate folder, and its losses are the model's.
    const [asOf] = readdirSync(join(store, 'models')) as [string];
    for (const file of ['losses.csv', 'losses.jsonl'])
      expect(readFileSync(join(runFolder(2), file))).toEqual(readFileSync(join(store, 'models', asOf, file)));
  });

  it('by a feature that is not a finite number exits with 2 and publishes nothing', async () => {
    await rewriteFeatures(
      "CASE WHEN Date < '1983-01-01' THEN 'infinity'::DOUBLE ELSE vol_moving_avg END AS vol_moving_avg",
    );
    const { code, message } = await runCli(['train', '--store', store, '--as-of', EARLY]);
    expect({ code, message }).toEqual({
      code: 2,
      message: expect.stringMatching(
        /shard-\d+\.parquet: a feature is not a finite number; remove the folder/,
      ),
    });
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(listScratch(store)).toEqual([]);
  });

  it('by a loss that is not a finite number exits with 2, names the step, keeps the losses and publishes nothing', async () => {
    await rewriteFeatures(
      "CASE WHEN Date = '1980-06-02' THEN 'infinity'::DOUBLE ELSE CAST(Volume AS DOUBLE) END AS Volume",
    );
    const { code, message, stderr } = await runCli(['train', '--store', store, '--as-of', EARLY]);
    expect(code).toBe(2);
    const [last = ''] = expectLosses(1, stderr).trim().split('\n').slice(-1);
    const [step, epoch, split, loss] = last.split(',');
    expect({ epoch, split }).toEqual({ epoch: '1', split: 'training' });
    expect(Number(loss)).not.toSatisfy(Number.isFinite);
    expect(message).toContain(`training diverged: the training loss of step ${step} is ${loss}`);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(listScratch(store)).toEqual([]);
  });

  it.skipIf(!mayMount()).each([
    ['the start', '4k', /logs\/train/],
    [
      'losses',
      '24k',
      /logs\/train\/1984-01-01\/1\/(losses\.csv|losses\.jsonl|training): cannot write a loss/,
    ],
  ])('by a full disk at %s exits with 2 and names the file', async (_file, size, named) => {
    const { code, message } = await runOnDisk(
      `size=${size}`,
      `ln -sfn $DISK ${store}/logs; node tasks/cli.ts train --store ${store} --as-of ${EARLY}`,
    );
    expect(message).toContain('no space left on the device; free some, or use a larger disk');
    expect(message).toMatch(named);
    expect(code).toBe(2);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(listScratch(store)).toEqual([]);
  });

  /** Replaces a column of every shard, as a faulty disk or another program might. */
  async function rewriteFeatures(replacement: string): Promise<void> {
    const [key] = readdirSync(join(store, 'features')).filter((name) => !name.includes('.')) as [string];
    const folder = join(store, 'features', key);
    for (const shard of readdirSync(folder).filter((name) => name.endsWith('.parquet'))) {
      const path = join(folder, shard);
      await query(
        `COPY (SELECT * REPLACE (${replacement}) FROM '${path}') TO '${path}.new' (FORMAT parquet)`,
      );
      renameSync(`${path}.new`, path);
      const record = path.replace('.parquet', '.json');
      const { crc32, ...manifest } = JSON.parse(readFileSync(record, 'utf8'));
      manifest.files[0].bytes = statSync(path).size;
      manifest.files[0].crc32 = await crc32OfFile(path);
      writeFileSync(record, toCheckedJson(manifest));
    }
  }

  /** The folder of the n-th run of training in the store; there is only one date. */
  function runFolder(n = 1): string {
    const parent = join(store, 'logs/train');
    mkdirSync(parent, { recursive: true });
    const [asOf = 'none'] = readdirSync(parent);
    return join(parent, asOf, String(n));
  }

  /** Waits for this many losses and one more, so that this many are in every file. */
  async function untilSteps(steps: number): Promise<void> {
    await until(() => {
      const file = join(runFolder(), 'losses.csv');
      return existsSync(file) && readFileSync(file, 'utf8').split('\n').length > steps + 2;
    }, `training to take ${steps} steps`);
  }

  /** Expects the losses of at least this many steps, as CSV, JSON and events. Returns the CSV. */
  function expectLosses(steps: number, log: string): string {
    expect(log).toContain(`"losses":"${runFolder()}/losses.csv"`);
    const [header, ...lines] = readFileSync(join(runFolder(), 'losses.csv'), 'utf8').trim().split('\n');
    expect(header).toBe('step,epoch,split,loss');
    expect(lines.length).toBeGreaterThanOrEqual(steps);
    const jsonLines = readFileSync(join(runFolder(), 'losses.jsonl'), 'utf8').trim().split('\n');
    expect(jsonLines.length).toBeGreaterThanOrEqual(steps);
    const [events] = readdirSync(join(runFolder(), 'training')) as [string];
    // An event of a scalar takes 48 bytes or more.
    expect(statSync(join(runFolder(), 'training', events)).size).toBeGreaterThanOrEqual(48 * steps);
    return [header, ...lines, ''].join('\n');
  }
});
