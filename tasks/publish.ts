import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { countOf, findBroken, sumChecks } from './checks.ts';
import type { Context } from './context.ts';
import { type Database, parquet } from './duckdb.ts';
import { InputError } from './errors.ts';
import { contentKey } from './key.ts';
import { inLanes } from './lanes.ts';
import { formatReport } from './report.ts';
import type { Check, Outcome } from './result.ts';
import {
  readShard,
  readShards,
  type ShardedDataset,
  type ShardPlan,
  type ShardRecord,
  shardName,
  sumOf,
} from './shards.ts';
import type { Store } from './store.ts';

/** `--shard i/n`: of n processes that share the work, the i-th, counted from 1. */
export interface Slice {
  i: number;
  n: number;
}

/** What the maker of a shard says of it: its files in scratch, the Parquet file of the dataset first. */
export type ShardContent = Pick<
  ShardRecord,
  'rows' | 'nulls' | 'months' | 'lastDate' | 'etfs' | 'checks' | 'parameters' | 'metrics'
> & {
  paths: string[];
};

export interface PublishedShards {
  key: string;
  /** Where the shards lie. */
  folder: string;
  status: 'done' | 'up_to_date';
  records: ShardRecord[];
  /** Of all shards together; none until all are there. */
  checks: Check[];
}

/**
 * Makes the shards of a dataset that are not there yet and publishes each one whole, under a key that follows from the
 * keys of all its shards. A shard that an older key already has is taken from there. When the last shard is there, the
 * dataset's `latest.json` names the key.
 * Shards are made side by side, each by one thread, so that the bytes do not depend on how many threads there are.
 * @param make writes one shard's files into the scratch folder and says what they hold
 * @param review checks all shards together, from their records
 */
export async function publishShards<Plan extends ShardPlan>(
  dataset: 'prices' | 'features',
  plans: Plan[],
  slice: Slice | undefined,
  { store, database, log, progress }: Context,
  make: (plan: Plan, scratch: string, database: Database) => Promise<ShardContent>,
  review: (records: ShardRecord[]) => Check[],
): Promise<PublishedShards> {
  const key = contentKey(plans.map((plan) => plan.key));
  const folder = `${dataset}/${key}`;
  const mine = slice ? plans.filter((_, position) => position % slice.n === slice.i - 1) : plans;
  const records: ShardRecord[] = [];
  let status: PublishedShards['status'] = 'up_to_date';
  progress.start(dataset, mine.length);
  try {
    await inLanes(mine, database, async (plan, lane) => {
      let record = await readShard(folder, plan.index, store, plan.key);
      if (!record) {
        status = 'done';
        record = await reuseShard(dataset, folder, plan, store);
      }
      if (!record) {
        await using scratch = await store.scratch();
        record = await publishShard(folder, plan, plans.length, await make(plan, scratch.path, lane), store);
      }
      log.debug('shard is there', { folder, shard: plan.index, rows: record.rows });
      records[mine.indexOf(plan)] = record;
      progress.advance();
    });
  } finally {
    progress.stop();
  }
  const whole = await readShards(dataset, key, store);
  if (!whole && !slice)
    throw new Error(`${store.locate(folder)}: shards went while they were made; run it again`);
  const checks = whole ? await publishWhole(dataset, whole, review, store) : [];
  return { key, folder: store.locate(folder), status, records, checks };
}

/** What latest.json says of a dataset. */
interface Latest {
  key: string;
  rows?: number;
}

/** Checks a dataset of which every shard is there, writes the report of its checks beside it, and names it the latest. */
async function publishWhole(
  dataset: string,
  whole: ShardedDataset,
  review: (records: ShardRecord[]) => Check[],
  store: Store,
): Promise<Check[]> {
  if (whole.rows === 0)
    throw new InputError(`${whole.uri}: there is not one row; look at what it was made from`);
  const records = whole.shards.map(({ record }) => record);
  const latest = `${dataset}/latest.json`;
  const named = await store.readJson<Latest & { before?: Latest }>(latest);
  const isNamed = named?.key === whole.key;
  const before = isNamed ? named.before : named;
  const checks = [
    ...review(records),
    countOf('rows_are_no_fewer_than_before', 'warn', Math.max((before?.rows ?? 0) - whole.rows, 0)),
  ];
  const all = [...sumChecks(records.flatMap((record) => record.checks)), ...checks];
  await publishReport(`${dataset}/${whole.key}/checks.md`, formatReport(dataset, whole, all), store);
  refuseBroken(checks, `${dataset}/${whole.key}`, 'it does not become the latest');
  if (!isNamed)
    await store.publishText(
      latest,
      `${JSON.stringify({ key: whole.key, rows: whole.rows, before: named && { key: named.key, rows: named.rows } })}\n`,
    );
  return checks;
}

/** Writes the report unless it is there as it is: the same shards may be judged anew, as by names that have changed. */
async function publishReport(name: string, text: string, store: Store): Promise<void> {
  const present = await readFile(store.locate(name), 'utf8').catch(() => undefined);
  if (present !== text) await store.publishText(name, text);
}

function refuseBroken(checks: Check[], name: string, consequence: string): void {
  const broken = findBroken(checks);
  if (broken)
    throw new InputError(`${name}: the check ${broken.name} is broken by ${broken.value}; ${consequence}`);
}

/** Says beside a dataset which key it was made from, for prune; the first that it was made from is enough. */
export async function publishOrigin(name: string, key: string, store: Store): Promise<void> {
  if ((await store.size(name)) === undefined) await store.publishText(name, `${JSON.stringify({ key })}\n`);
}

/** A task's result, summed up over the shards that it made or found. */
export async function describeShards(
  dataset: 'prices' | 'features',
  { key, status, records, checks, folder }: PublishedShards,
  { database }: Context,
): Promise<Omit<Outcome, 'inputs' | 'columnLineage'>> {
  const paths = records.map(({ files }) => `${folder}/${files[0]?.name}`);
  const columns =
    paths.length === 0
      ? []
      : await database.rows<{ column_name: string; column_type: string }>(
          `DESCRIBE SELECT * FROM ${parquet(...paths)}`,
        );
  return {
    status,
    outputs: [
      {
        name: dataset,
        uri: folder,
        format: 'parquet',
        key,
        rows: sum(records.map(({ rows }) => rows)),
        bytes: sum(records.map(({ files }) => files[0]?.bytes ?? 0)),
        columns: columns.map(({ column_name, column_type }) => ({ name: column_name, type: column_type })),
      },
    ],
    checks: [...sumChecks(records.flatMap((record) => record.checks)), ...checks],
    metrics: sumOf(records.map(({ metrics }) => metrics)),
  };
}

async function publishShard(
  folder: string,
  { index, key }: ShardPlan,
  shards: number,
  { paths, ...content }: ShardContent,
  store: Store,
): Promise<ShardRecord> {
  refuseBroken(content.checks, `${folder}/${shardName(index)}`, 'nothing of the shard was published');
  const files: ShardRecord['files'] = [];
  for (const path of paths) {
    files.push({ name: basename(path), bytes: (await stat(path)).size });
    await store.publish(path, `${folder}/${basename(path)}`);
  }
  const record: ShardRecord = { key, shards, files, ...content };
  await store.publishText(`${folder}/${shardName(index)}.json`, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

async function reuseShard(
  dataset: string,
  folder: string,
  { index, key }: ShardPlan,
  store: Store,
): Promise<ShardRecord | undefined> {
  const keys = (await store.list(dataset)).filter((name) => name !== 'latest.json');
  for (const other of keys) {
    const record = await readShard(`${dataset}/${other}`, index, store, key);
    if (!record) continue;
    for (const { name } of record.files)
      await store.publishAgain(`${dataset}/${other}/${name}`, `${folder}/${name}`);
    await store.publishAgain(
      `${dataset}/${other}/${shardName(index)}.json`,
      `${folder}/${shardName(index)}.json`,
    );
    return record;
  }
  return undefined;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
