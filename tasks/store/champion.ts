import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Champion,
  type ChampionChange,
  HISTORY,
  readHistory,
  successionOf,
} from './champion-history.ts';
import { type ModelFile, openModel } from './models.ts';
import type { TaskResult } from './result.ts';
import type { Store } from './store.ts';

/** What is in service while this process holds the lock of the champion. */
export interface ChampionState {
  /** The model in model.bin; undefined where there is none, or it cannot be read. */
  champion: ModelFile | undefined;
  /** Why the model that should be in service cannot be read. */
  readError: string | undefined;
  /** Every change so far, the oldest first. The last one says what is, or should be, in service. */
  history: ChampionChange[];
  /** Whether champion.json or the history did not match model.bin, and was corrected. */
  isRepaired: boolean;
  /** Whether the correction completed a rollback that was killed. */
  isRolledBack: boolean;
}

/**
 * Runs `work` while no other process can change the champion. If a run was killed between its
 * writes, champion.json and the history are first made to match model.bin.
 * @throws PermanentError when the history is damaged
 */
export async function withChampionLock<T>(
  store: Store,
  work: (state: ChampionState) => Promise<T>,
): Promise<T> {
  return store.withLock('champion', async () => {
    const { champion, readError } = await readChampion(store);
    const history = await readHistory(store);
    const isMissing = !champion && history.length > 0;
    const state: ChampionState = {
      champion,
      readError: readError ?? (isMissing ? `${store.locate('model.bin')}: the file is missing` : undefined),
      history,
      isRepaired: false,
      isRolledBack: false,
    };
    if (champion) {
      state.isRepaired = await publishChampion(champion, store);
      if (history.at(-1)?.to.sha256 !== champion.sha256) {
        state.isRolledBack = successionOf(history).some(({ sha256 }) => sha256 === champion.sha256);
        const by = state.isRolledBack ? 'rollback' : 'found';
        const why = 'it was in service, but the history did not say so';
        await appendChange(champion, { by, command: '', why }, history, store);
        state.isRepaired = true;
      }
    }
    return await work(state);
  });
}

/**
 * Puts a model into service and appends the change to the history. Requires the lock of the
 * champion.
 */
export async function installChampion(
  file: ModelFile,
  change: Pick<ChampionChange, 'by' | 'command' | 'why'>,
  history: ChampionChange[],
  store: Store,
): Promise<void> {
  await using scratch = await store.scratch();
  const path = join(scratch.path, 'model.bin');
  await writeFile(path, file.bytes);
  await store.publish(path, 'model.bin');
  await publishChampion(file, store);
  await appendChange(file, change, history, store);
}

/** The model in service, or why its file cannot be read; neither where there is no file. */
export async function readChampion(
  store: Store,
): Promise<{ champion?: ModelFile | undefined; readError?: string | undefined }> {
  const path = store.locate('model.bin');
  try {
    return { champion: openModel(await readFile(path)) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? {} : { readError: `${path}: ${message}` };
  }
}

/** The model in service as an output in a task's result. */
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

/** Writes champion.json unless it names this model already. Returns whether it wrote. */
async function publishChampion(file: ModelFile, store: Store): Promise<boolean> {
  const champion = toChampion(file);
  const published = await store.readJson<Champion>('champion.json').catch(() => undefined);
  if (published?.as_of === champion.as_of && published.sha256 === champion.sha256) return false;
  await store.publishText('champion.json', `${JSON.stringify(champion, null, 2)}\n`);
  return true;
}

async function appendChange(
  file: ModelFile,
  { by, command, why }: Pick<ChampionChange, 'by' | 'command' | 'why'>,
  history: ChampionChange[],
  store: Store,
): Promise<void> {
  const from = history.at(-1)?.to ?? null;
  history.push({ at: new Date().toISOString(), by, command, from, to: toChampion(file), why });
  await store.publishText(HISTORY, history.map((change) => `${JSON.stringify(change)}\n`).join(''));
}

function toChampion({ model, sha256 }: ModelFile): Champion {
  const { features_key } = model.provenance;
  return { as_of: model.asOf, sha256, ...(features_key && { features_key }) };
}
