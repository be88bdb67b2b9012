import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { CLI, runCli, scratchOf, snapshot, startCli, succeed, until } from '../command.ts';

const { store: sample } = inject('sample');
/** Early enough that training takes a second. */
const EARLY = '1984-01-01';

let folder: string;
let store: string;
let number = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'train-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A store with the features of the sample, and no model. */
beforeEach(() => {
  store = copyOfFeatures();
});

describe('what training leaves in models/<as-of>', () => {
  const [asOf] = readdirSync(join(sample, 'models')) as [string];
  const read = (file: string) => readFileSync(join(sample, 'models', asOf, file), 'utf8');

  it('is the model, its losses, its scores, a plot and a card', () => {
    expect(readdirSync(join(sample, 'models', asOf)).sort()).toEqual([
      'card.md',
      'loss.svg',
      'losses.csv',
      'losses.jsonl',
      'metrics.json',
      'model.bin',
    ]);
  });

  it('has a line for the loss of every step and of every epoch, in CSV as in JSON', () => {
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

  it('learned something', () => {
    const losses = read('losses.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const mean = (values: { loss: number }[]) =>
      values.reduce((sum, { loss }) => sum + loss, 0) / values.length;
    const training = losses.filter(({ split }) => split === 'training');
    expect(mean(training.slice(-20))).toBeLessThan(mean(training.slice(0, 20)));
  });

  it('says that the model beats vol_moving_avg on MAE, on days later than all it was trained on', () => {
    const metrics = JSON.parse(read('metrics.json'));
    expect(metrics.as_of).toBe(asOf);
    expect(metrics.validation_from < asOf).toBe(true);
    expect(metrics.model.mae).toBeLessThan(metrics.vol_moving_avg.mae);
    expect(metrics.model.rows).toBe(metrics.validation_rows);
    const share = metrics.validation_rows / (metrics.training_rows + metrics.validation_rows);
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.15);
  });
});

describe('the model of a date and a seed', () => {
  it('is the same bytes in any store, other bytes for another seed, and is not made twice', async () => {
    const other = copyOfFeatures();
    await Promise.all([succeed(train('--seed', '3')), succeed(train('--seed', '3', '--store', other))]);
    const [one, two] = [store, other].map((each) => snapshot(each, 'models'));
    expect(Object.keys(one ?? {})).toContain(`models/${EARLY}/model.bin`);
    expect(two).toEqual(one);

    const result = join(folder, 'second.json');
    await succeed(train('--seed', '3', '--result', result));
    expect(JSON.parse(readFileSync(result, 'utf8')).status).toBe('up_to_date');
    expect(snapshot(store, 'models')).toEqual(one);

    await succeed(train('--seed', '4', '--result', result));
    expect(JSON.parse(readFileSync(result, 'utf8')).status).toBe('done');
    expect(modelOf(store)).not.toBe(one?.[`models/${EARLY}/model.bin`]);
  });
});

describe('train refuses with exit code 2, names the reason and publishes nothing', () => {
  it.each([
    // The first row is of 1973-02-21; the first full window, 30 rows later, is of the beginning of April.
    ['a date before any full window', ['--as-of', '1973-03-01'], 'has a full window'],
    ['a date before any row is left to train on', ['--as-of', '1973-05-01'], 'is left to train on'],
    ['a date before any row', ['--as-of', '1900-01-01'], 'has a full window'],
    ['a day that no calendar has', ['--as-of', '2020-02-30'], '--as-of 2020-02-30'],
    ['a date that is written otherwise', ['--as-of', '01.02.2020'], '--as-of 01.02.2020'],
    ['no date at all', ['--as-of', ''], '--as-of'],
    ['a seed that is no number', ['--seed', 'one'], '--seed one'],
    ['an option that there is not', ['--sed', '1'], 'sed'],
    ['a key that no features have', ['--features', '0123456789abcdef'], '0123456789abcdef'],
  ])('%s', async (_, args, reason) => {
    const { code, stderr } = await runCli(['train', '--store', store, ...args]);
    expect(stderr).toContain(reason);
    expect(code).toBe(2);
    expect(existsSync(join(store, 'models'))).toBe(false);
  });

  it('features that are not made yet', async () => {
    rmSync(join(store, 'features'), { recursive: true });
    const { code, stderr } = await runCli(['train', '--store', store]);
    expect(code).toBe(2);
    expect(stderr).toContain('run features first');
  });

  it.each(['shard-03.parquet', 'shard-03.json'])('features without their %s', async (file) => {
    const [key] = readdirSync(join(store, 'features')).filter((name) => !name.includes('.')) as [string];
    rmSync(join(store, 'features', key, file));
    const { code, stderr } = await runCli(['train', '--store', store]);
    expect(code).toBe(2);
    expect(stderr).toContain('shards are missing');
    expect(stderr).toContain('run features again');
  });

  it('fewer rows than a window', async () => {
    const source = join(folder, 'few');
    mkdirSync(join(source, 'stocks'), { recursive: true });
    const days = Array.from({ length: 29 }, (_, day) => `2020-01-${String(day + 1).padStart(2, '0')}`);
    const rows = days.map((day) => `${day},1,1,1,1,1,100\n`);
    writeFileSync(
      join(source, 'stocks/FEW.csv'),
      `Date,Open,High,Low,Close,Adj Close,Volume\n${rows.join('')}`,
    );
    writeFileSync(join(source, 'symbols_valid_meta.csv'), 'NASDAQ Symbol,Security Name\nFEW,Few Rows Inc.\n');
    const few = join(folder, 'few-store');
    await succeed(['ingest', '--source', source, '--store', few]);
    await succeed(['features', '--store', few]);
    const { code, stderr } = await runCli(['train', '--store', few]);
    expect(code).toBe(2);
    expect(stderr).toContain('has a full window');
    expect(existsSync(join(few, 'models'))).toBe(false);
  });
});

describe('training that is stopped in the middle', () => {
  it('by SIGTERM ends with 143 within 3 s and leaves neither a model nor scratch', async () => {
    const running = startCli(['train', '--store', store]);
    await untilSteps(10);
    const told = performance.now();
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(143);
    expect(performance.now() - told).toBeLessThan(3_000);
    expect(existsSync(join(store, 'models'))).toBe(false);
    expect(scratchOf(store)).toEqual([]);
  });

  it('by kill -9 leaves its losses so far, and the next run makes the same model as ever', async () => {
    const undisturbed = copyOfFeatures();
    const reference = succeed(train('--store', undisturbed));
    const running = startCli(train());
    const losses = await untilSteps(10);
    running.process.kill('SIGKILL');
    await running.ended;
    expect(readFileSync(losses, 'utf8')).toMatch(/^step,epoch,split,loss\n1,1,training,/);
    expect(existsSync(join(store, 'models'))).toBe(false);
    await succeed(train());
    await reference;
    expect(modelOf(store)).toBe(modelOf(undisturbed));
  });
});

function train(...args: string[]): string[] {
  return ['train', '--as-of', EARLY, ...(args.includes('--store') ? [] : ['--store', store]), ...args];
}

function copyOfFeatures(): string {
  const path = join(folder, `store-${++number}`);
  cpSync(join(sample, 'features'), join(path, 'features'), { recursive: true });
  return path;
}

function modelOf(path: string): string | undefined {
  return snapshot(path, 'models')[`models/${EARLY}/model.bin`];
}

/** Waits until so many losses of a run are on the disk, and says where. */
async function untilSteps(steps: number): Promise<string> {
  return until(() => {
    if (!existsSync(join(store, 'tmp'))) return undefined;
    const files = scratchOf(store).map((name) => join(store, 'tmp', name, 'losses.csv'));
    return files.find(
      (file) => existsSync(file) && readFileSync(file, 'utf8').split('\n').length > steps + 1,
    );
  }, `${CLI} train to take ${steps} steps`);
}
