import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from './errors.ts';
import { type ModelFile, openModel } from './models.ts';
import type { Store } from './store.ts';

const HISTORY = 'champion-history.jsonl';

/** What champion.json holds: which model is in service. */
export interface Champion {
  as_of: string;
  /** Of model.bin. */
  sha256: string;
  /** Of the features that it was trained on. */
  features_key?: string;
}

/** A line of champion-history.jsonl. */
export interface Change {
  /** When, as ISO 8601 in UTC. */
  at: string;
  /** What changed it; `found` where a model was in service of which the history did not know. */
  by: 'promote' | 'rollback' | 'found';
  /** The command, as it could be given again. */
  command: string;
  from: Champion | null;
  to: Champion;
  why: string;
}

/** The champion, and the power to change it: nobody else can while this is held. */
export interface Office {
  /** The model in service, by what model.bin itself says; undefined where there is none, or one that cannot be used. */
  champion: ModelFile | undefined;
  /** Every change so far, the oldest first. */
  history: Change[];
  /** Puts a model into service and writes the change down. */
  install(file: ModelFile, by: Change['by'], command: string, why: string): Promise<void>;
}

/**
 * Runs `work` while nobody else changes the champion. What a run that was killed between its writes left undone is done
 * first: champion.json and the history then agree with model.bin. `mended` says that they did not.
 * @throws InputError when the history is damaged
 */
export async function withChampion<T>(
  store: Store,
  work: (office: Office) => Promise<T>,
): Promise<{ mended: boolean; result: T }> {
  return store.withLock('champion', async () => {
    const champion = await readInService(store);
    const history = await readHistory(store);
    const office: Office = {
      champion,
      history,
      async install(file, by, command, why) {
        await using scratch = await store.scratch();
        await writeFile(join(scratch.path, 'model.bin'), file.bytes);
        await store.publish(join(scratch.path, 'model.bin'), 'model.bin');
        await publishChampion(file, store);
        await record(file, by, command, why);
      },
    };
    async function record(file: ModelFile, by: Change['by'], command: string, why: string): Promise<void> {
      const from = history.at(-1)?.to ?? null;
      history.push({ at: new Date().toISOString(), by, command, from, to: describe(file), why });
      await store.publishText(HISTORY, history.map((change) => `${JSON.stringify(change)}\n`).join(''));
    }

    let mended = false;
    if (champion) {
      mended = await publishChampion(champion, store);
      if (history.at(-1)?.to.sha256 !== champion.sha256)
        await record(champion, 'found', '', 'it was in service, and the history did not say so');
    }
    return { mended, result: await work(office) };
  });
}

/** The model in service; undefined where there is none, or one that cannot be used. */
export async function readInService(store: Store): Promise<ModelFile | undefined> {
  try {
    return openModel(await readFile(store.locate('model.bin')));
  } catch {
    return undefined;
  }
}

/** Every change of the champion, the oldest first. @throws InputError when a line cannot be read */
export async function readHistory(store: Store): Promise<Change[]> {
  const path = store.locate(HISTORY);
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    try {
      const change = JSON.parse(line) as Change;
      if (change.to.sha256 && change.to.as_of) return change;
    } catch {}
    throw new InputError(`${path}: line ${index + 1} is damaged; mend it, or move the file away`);
  });
}

/** Who was champion one after the other, as far as no rollback has undone it; the one in service comes last. */
export function successionOf(history: Change[]): Champion[] {
  const succession: Champion[] = [];
  for (const { by, to } of history) {
    const known = by === 'rollback' ? succession.findLastIndex(({ sha256 }) => sha256 === to.sha256) : -1;
    succession.splice(known < 0 ? succession.length : known);
    succession.push(to);
  }
  return succession;
}

/** When a model was rolled back from, if nobody has put it into service since. */
export function rolledBackAt(sha256: string, history: Change[]): string | undefined {
  const last = history.findLast(
    ({ by, from, to }) => to.sha256 === sha256 || (by === 'rollback' && from?.sha256 === sha256),
  );
  return last && last.to.sha256 !== sha256 ? last.at : undefined;
}

/** Writes champion.json where it does not say what it should, and tells whether it did. */
async function publishChampion(file: ModelFile, store: Store): Promise<boolean> {
  const record = describe(file);
  const known = await store.readJson<Champion>('champion.json').catch(() => undefined);
  if (known?.as_of === record.as_of && known.sha256 === record.sha256) return false;
  await store.publishText('champion.json', `${JSON.stringify(record, null, 2)}\n`);
  return true;
}

function describe({ model, sha256 }: ModelFile): Champion {
  const { features_key } = model.provenance;
  return { as_of: model.asOf, sha256, ...(features_key && { features_key }) };
}
