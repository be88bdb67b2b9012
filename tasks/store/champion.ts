import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Champion, type Change, HISTORY, readHistory, successionOf } from './champion-history.ts';
import { type ModelFile, openModel } from './models.ts';
import type { TaskResult } from './result.ts';
import type { Store } from './store.ts';

/** The champion, and the power to change it: nobody else can while this is held. */
export interface ChampionState {
  /** The model in service, by what model.bin itself says; undefined where there is none, or one that cannot be read. */
  champion: ModelFile | undefined;
  /** Why the model in service cannot be read, where there should be one. */
  fault: string | undefined;
  /** Whether a rollback that was killed has just been finished. */
  isRolledBack: boolean;
  /** Every change so far, the oldest first; the last one says what is, or should be, in service. */
  history: Change[];
  /** Puts a model into service and writes the change down. */
  install(file: ModelFile, by: Change['by'], command: string, why: string): Promise<void>;
}

/**
 * Runs `work` while nobody else changes the champion. What a run that was killed between its writes left undone is done
 * first: champion.json and the history then agree with model.bin. `mended` says that they did not.
 * @throws PermanentError when the history is damaged
 */
export async function withChampionLock<T>(
  store: Store,
  work: (office: ChampionState) => Promise<T>,
): Promise<{ mended: boolean; result: T }> {
  return store.withLock('champion', async () => {
    const { champion, fault } = await readChampion(store);
    const history = await readHistory(store);
    const office: ChampionState = {
      champion,
      fault:
        fault ?? (!champion && history.length > 0 ? `${store.locate('model.bin')}: is missing` : undefined),
      isRolledBack: false,
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
      if (history.at(-1)?.to.sha256 !== champion.sha256) {
        office.isRolledBack = successionOf(history).some(({ sha256 }) => sha256 === champion.sha256);
        const by = office.isRolledBack ? 'rollback' : 'found';
        await record(champion, by, '', 'it was in service, and the history did not say so');
        mended = true;
      }
    }
    return { mended, result: await work(office) };
  });
}

/** The model in service, or why its file cannot be read; neither where there is no file. */
export async function readChampion(
  store: Store,
): Promise<{ champion?: ModelFile | undefined; fault?: string | undefined }> {
  const path = store.locate('model.bin');
  try {
    return { champion: openModel(await readFile(path)) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? {} : { fault: `${path}: ${message}` };
  }
}

/** The model in service, as a task tells of it. */
export function championOutput({ sha256, bytes }: ModelFile, store: Store): TaskResult['outputs'][number] {
  return {
    name: 'champion',
    uri: store.locate('model.bin'),
    key: sha256,
    format: 'safetensors',
    rows: 0,
    bytes: bytes.length,
    columns: [{ name: 'Volume', type: 'BIGINT' }],
  };
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
