import type { Context } from './context.ts';
import { verifyZip } from './download/verify-zip.ts';
import { quoteForShell, runTaskCommand } from './lib/run-task-command.ts';
import { readChampion } from './store/champion.ts';
import { type Champion, HISTORY, readHistory } from './store/champion-history.ts';
import { checkNone } from './store/checks.ts';
import { modelFolders, readModel } from './store/models.ts';
import { remakeCommand } from './store/remake-command.ts';
import type { TaskResult } from './store/result.ts';
import { listKeys, verifyShards } from './store/shards.ts';
import { archiveName, type Snapshot } from './store/snapshots.ts';
import type { Store } from './store/store.ts';

type State = 'ok' | 'damaged' | 'incomplete';

/** What was found out about an object of the store. */
interface Finding {
  /** Its path in the store. */
  object: string;
  state: State;
  /** What is wrong, and the command that makes it again; empty if it is ok. */
  reason: string;
  command: string;
}

/**
 * Compares every object of the store with its checksum: downloads, shards of prices and features,
 * models, and the model in service. A key that is not the latest may lack shards, since a run may
 * be making it; this only warns.
 */
export async function verify({ store, log }: Context): Promise<TaskResult> {
  const findings = [
    ...(await verifySnapshots(store)),
    ...(await verifyDataset('prices', 'ingest', store)),
    ...(await verifyDataset('features', 'features', store)),
    ...(await verifyModels(store)),
    ...(await verifyChampion(store)),
  ];
  for (const { object, state, reason } of findings)
    if (state !== 'ok') log.warn(`${store.locate(object)} is ${state}: ${reason}`);
  const list = (wanted: State) =>
    findings.filter(({ state }) => state === wanted).map(({ object }) => object);
  return {
    status: 'done',
    inputs: [],
    outputs: [],
    columnLineage: {},
    checks: [
      checkNone('object_is_undamaged', 'fail', list('damaged')),
      checkNone('key_is_complete', 'warn', list('incomplete')),
    ],
    metrics: { objects: findings.length, damaged: list('damaged').length },
    table: findings.map((finding) => ({ ...finding })),
    printedTable: [
      ['object', 'state', 'make it again'],
      ...findings.map(({ object, state, command }) => [object, state, command]),
    ],
  };
}

async function verifySnapshots(store: Store): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const key of await listKeys('raw', store)) {
    const name = archiveName(key);
    let snapshot: Snapshot | undefined;
    const reason = await reasonOf(async () => {
      snapshot = await store.readJson<Snapshot>(`raw/${key}/snapshot.json`);
      const bytes = await store.size(name);
      if (bytes !== snapshot?.bytes)
        throw new Error(`it has ${bytes ?? 'no'} bytes, but ${snapshot?.bytes ?? 'none'} were recorded`);
      await verifyZip(store.locate(name));
    });
    const args = snapshot ? ['--dataset', snapshot.dataset] : [];
    const remove = `rm -r ${quoteForShell(store.locate(`raw/${key}`))}`;
    findings.push(finding(name, reason, `${remove} && ${runTaskCommand('download', args, store.root)}`));
  }
  return findings;
}

async function verifyDataset(
  dataset: 'prices' | 'features',
  maker: string,
  store: Store,
): Promise<Finding[]> {
  const keys = await listKeys(dataset, store);
  const pointer = `${dataset}/latest.json`;
  let latest: string | undefined;
  const reason = await reasonOf(async () => {
    latest = (await store.readJson<{ key: string }>(pointer))?.key;
    if (latest && !keys.includes(latest)) throw new Error(`there is no key ${latest}`);
  });
  const remove = `rm ${quoteForShell(store.locate(pointer))}`;
  const findings = [finding(pointer, reason, `${remove} && ${runTaskCommand(maker, [], store.root)}`)];
  for (const key of keys) {
    const folder = `${dataset}/${key}`;
    const command = await remakeCommand(dataset, key, store);
    const { missing, damaged } = await verifyShards(folder, store);
    for (const { name, damage } of damaged) findings.push(finding(`${folder}/${name}`, damage, command));
    const lack = missing.length > 0 ? `shards are missing or truncated: ${missing.join(', ')}` : undefined;
    if (lack && key !== latest) findings.push({ ...finding(folder, lack, command), state: 'incomplete' });
    else findings.push(finding(folder, lack, command));
  }
  return findings;
}

async function verifyModels(store: Store): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, asOf, isReplaced } of await modelFolders(store)) {
    const reason = await reasonOf(async () => {
      await readModel(name, store);
      if (!(await store.readJson(`models/${name}/metrics.json`))) throw new Error('metrics.json is missing');
    });
    const command = isReplaced
      ? `rm -r ${quoteForShell(store.locate(`models/${name}`))}`
      : runTaskCommand('train', ['--as-of', asOf], store.root);
    findings.push(finding(`models/${name}`, reason, command));
  }
  return findings;
}

/** The model in service, and that champion.json and the history name it. */
async function verifyChampion(store: Store): Promise<Finding[]> {
  const history = await readHistory(store).catch((error: Error) => error);
  if (history instanceof Error) {
    const path = store.locate(HISTORY);
    return [
      finding(HISTORY, history.message, `mv ${quoteForShell(path)} ${quoteForShell(`${path}.damaged`)}`),
    ];
  }
  const current = history.at(-1)?.to;
  const { champion, readError } = await readChampion(store);
  const asOf = current?.as_of ?? champion?.model.asOf;
  if (!asOf && !readError) return [];
  const reason = await reasonOf(async () => {
    if (!champion) throw new Error(readError ?? 'the file is missing');
    const named = await store.readJson<Champion>('champion.json');
    for (const [name, sha256] of [
      ['champion.json', named?.sha256],
      [HISTORY, current?.sha256],
    ])
      if (sha256 !== champion.sha256) throw new Error(`${name} does not name this model`);
  });
  const args = asOf ? ['--as-of', asOf] : ['--force'];
  return [finding('model.bin', reason, runTaskCommand('promote', args, store.root))];
}

function finding(object: string, reason: string | undefined, command: string): Finding {
  return reason === undefined
    ? { object, state: 'ok', reason: '', command: '' }
    : { object, state: 'damaged', reason, command };
}

/** The message of the error that `look` throws, and of its cause. */
async function reasonOf(look: () => Promise<void>): Promise<string | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error && !message.includes(cause.message)
      ? `${message}: ${cause.message}`
      : message;
  }
}
