/** Every path is taken literally: DuckDB's readers would take some for patterns or for columns. */
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { features } from '../../tasks/features/features.ts';
import { Database } from '../../tasks/lib/duckdb.ts';
import { readNewestBlock } from '../../tasks/promote/newest-block.ts';
import { openDataset } from '../../tasks/store/shards.ts';
import { Store } from '../../tasks/store/store.ts';
import {
  readCalibrationExamples,
  readEvaluationRows,
  readTrainingExamples,
} from '../../tasks/train/dataset/read-rows.ts';
import { findSplit } from '../../tasks/train/dataset/split.ts';
import { walkForward } from '../../tasks/walk-forward/walk-forward.ts';
import {
  csvOfVolumes,
  type Files,
  hashStore,
  ingestInto,
  makeFolder,
  makeSource,
  makeZip,
  query,
  runInProcess,
} from '../support/fixtures.ts';
import { addModel, constantModel } from '../support/tiny-model.ts';

/** What names are made of. Each part has a meaning to DuckDB, to SQL, to a shell or in a URL. */
const PARTS = [
  ...[
    'Volume=7',
    'Date=2020-01-01',
    'Symbol=AAPL',
    'env=prod',
    '=',
    '*',
    '**',
    '?',
    '[',
    ']',
    '[a-z]',
    '[!a]',
  ],
  ...['{a,b}', "'", '"', '\\', ' ', '%', '%2F', '\n', '\t', ';', '$', '~', '-', '#', ',', ':', '&', '|'],
  ...[
    'ü',
    'u\u0308',
    '名',
    '🎈',
    'A',
    'b',
    '.',
    '.gz',
    '.parquet',
    '.csv',
    's3:',
    'http:',
    '__proto__',
    'NULL',
  ],
];

const name = fc
  .array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))
  .filter((name) => !/^\.+$|^\.[_]/.test(name));

/** Volumes and bad rows that make every kind of file: in place, copied for its line ends, unsorted. */
function filesFor(symbol: string): Files {
  const volumes = Array.from({ length: 80 }, (_, day) => 1000 + ((day * 37) % 101));
  return {
    [`stocks/${symbol}1.csv`]: csvOfVolumes(...volumes),
    [`etfs/${symbol}2.csv`]: csvOfVolumes(...volumes).replaceAll('\n', '\r\n'),
    [`stocks/${symbol}3.csv`]: `${csvOfVolumes(1, 2)}2020-01-01,x,1,1,1,1,1\n`,
  };
}

/** What the tasks read and write for a source and a store at these paths. */
async function runStages(source: string, store: string, symbol: string) {
  const prices = await ingestInto(store, source, { quarantine: true });
  const made = await runInProcess(features, { window: 3 }, store);
  addModel(store, [7, 8, 9], '2020-02-01');
  const read = await runInProcess(
    async (_options, context) => {
      const dataset = await openDataset('features', undefined, 'features', context.store);
      const split = await findSplit(dataset, undefined, context);
      const withoutPath = ({ path, ...examples }: { path: string }) => examples;
      return {
        split,
        training: await Array.fromAsync(readTrainingExamples(dataset, split, 8, context), withoutPath),
        calibration: await Array.fromAsync(readCalibrationExamples(dataset, split, context), withoutPath),
        evaluation: await readEvaluationRows(dataset, ['2020-01-01', '2020-12-31'], context),
        block: await readNewestBlock(
          [{ model: constantModel([7, 8, 9], '2020-02-01') } as never],
          undefined,
          context,
        ),
        walkForward: (await walkForward({ threads: 1, memoryLimit: '256MB', logLevel: 'error' }, context))
          .table,
      };
    },
    {},
    store,
  );
  const columns = [prices, made].map(({ outputs }) => outputs[0]?.columns);
  const checks = [prices, made].map((result) => result.checks.filter(({ passed }) => !passed));
  return {
    columns,
    checks,
    metrics: [prices.metrics, made.metrics],
    read,
    rows: await rowsOf(store, symbol),
  };
}

/** The rows of a store's Parquet files, read from copies at plain paths. */
async function rowsOf(store: string, symbol: string): Promise<unknown[][]> {
  const folder = makeFolder();
  const rows: unknown[][] = [];
  for (const file of Object.keys(hashStore(store)).filter((file) => file.endsWith('.parquet'))) {
    const copy = join(folder, `${rows.length}.parquet`);
    copyFileSync(join(store, file), copy);
    rows.push(...(await query(`FROM read_parquet('${copy}')`)));
  }
  const names = Object.keys(filesFor(symbol)).flatMap((file) => [file, basename(file, '.csv')]);
  const withoutSymbol = (value: unknown) =>
    names.includes(String(value)) ? String(value).replace(symbol, () => '?') : value;
  return rows.map((row) => row.map(withoutSymbol));
}

describe('a path of any characters', () => {
  it('gives what a plain path gives: as source folder, zip, store, and file of a symbol', async () => {
    const plain = await runStages(await makeSource(filesFor('A')), join(makeFolder(), 'store'), 'A');
    expect(plain.columns.map((columns) => columns?.length)).toEqual([9, 11]);
    expect(plain.rows).toHaveLength(162 + 162 + 1);
    expect(plain.read.walkForward).toHaveLength(1);
    const check = async (folders: string[], symbol: string, zipName: string) => {
      const root = join(makeFolder(), ...folders);
      const source = await makeSource(filesFor(symbol), join(root, 'source', zipName));
      const zip = join(root, `${zipName}.zip`);
      await rename(await makeZip(filesFor(symbol)), zip);
      const same = { ...plain, rows: expect.any(Array), checks: expect.any(Array) };
      for (const path of [source, zip]) {
        const found = await runStages(path, join(root, 'store', zipName, `${path.length}`), symbol);
        expect(found).toEqual(same);
        expect(new Set(found.rows.map(String))).toEqual(new Set(plain.rows.map(String)));
      }
    };
    const examples: [string[], string, string][] = [
      [['volume=7', 'date=2020-01-01'], 'BRK=A', 'env=prod'],
      [['Symbol=AAPL'], 'A*B', '[a-z]*'],
      [['a\\*b'], '[X]', '\\[?'],
      [['{a,b}'], 'Ünï', "it's"],
      [['.gz?'], 'A\nB', 'new\nline'],
    ];
    await fc.assert(fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 2 }), name, name, check), {
      seed: 14,
      numRuns: 12,
      examples,
    });
  }, 240_000);

  it('is not mistaken for a neighbour that a pattern would match', async () => {
    const root = makeFolder();
    for (const neighbour of ['ab', 'a[', 'a]', 'axb', 'a*'])
      await makeSource({ 'stocks/A.csv': csvOfVolumes(9) }, join(root, neighbour));
    const source = await makeSource({ 'stocks/A.csv': csvOfVolumes(1) }, join(root, 'a\\*'));
    const linked = join(root, 'a?');
    symlinkSync(source, linked);
    for (const path of [source, linked]) {
      const store = join(root, 'store', path.slice(-1));
      await ingestInto(store, path);
      expect((await rowsOf(store, '-')).map((row) => row.at(-1))).toEqual([1n]);
    }
  });

  it('can be where DuckDB spills to', async () => {
    const tempDirectory = join(makeFolder(), 'a=1', "*[?]\\{b}'%\n.gz");
    mkdirSync(dirname(tempDirectory));
    await using database = await Database.open({ threads: 1, memoryLimit: '40MB', tempDirectory });
    const sorted = `FROM (SELECT range AS n, repeat('x', 100) AS text FROM range(1000000) ORDER BY hash(range))`;
    expect(await database.row(`SELECT count(*) AS rows, sum(n) AS sum ${sorted}`)).toEqual({
      rows: 1_000_000,
      sum: 499_999_500_000,
    });
  });
});

it('Store.open takes any path', async () => {
  const root = join(makeFolder(), 'a=1*[?]\n%');
  await Store.open(root);
  expect((await Store.open(root, false)).root).toBe(root);
});
