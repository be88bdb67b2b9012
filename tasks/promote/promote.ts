import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel } from '../../serving/model.ts';
import type { Context } from '../context.ts';
import { InputError } from '../errors.ts';
import { modelDates } from '../models.ts';
import type { Outcome } from '../result.ts';

/** What champion.json holds: which model is in service. */
export interface Champion {
  as_of: string;
  /** Of model.bin. */
  sha256: string;
}

export interface PromoteOptions {
  /** Which model: YYYY-MM-DD. The newest, if not given. */
  asOf?: string | undefined;
}

/**
 * Puts a model into service: its model.bin becomes the store's model.bin, and champion.json names it. A model never
 * takes the place of one with a newer as-of date.
 * @throws InputError when there is no such model, or it is damaged
 */
export async function promote({ asOf }: PromoteOptions, { store, log }: Context): Promise<Outcome> {
  const chosen = asOf ?? (await modelDates(store)).at(-1);
  if (!chosen)
    throw new InputError(`${store.locate('models')}: there are no models in this store; run train first`);
  const name = `models/${chosen}/model.bin`;
  const bytes = await readModel(store.locate(name));
  const challenger: Champion = { as_of: chosen, sha256: createHash('sha256').update(bytes).digest('hex') };

  const { champion, changed } = await store.withLock('champion', async () => {
    const champion = await store.readJson<Champion>('champion.json');
    if (champion && champion.as_of > challenger.as_of) return { champion, changed: false };
    const inService = await readFile(store.locate('model.bin')).catch(() => undefined);
    if (champion?.sha256 === challenger.sha256 && inService?.equals(bytes))
      return { champion, changed: false };
    await using scratch = await store.scratch();
    await writeFile(join(scratch.path, 'model.bin'), bytes);
    await store.publish(join(scratch.path, 'model.bin'), 'model.bin');
    await store.publishText('champion.json', `${JSON.stringify(challenger, null, 2)}\n`);
    return { champion: challenger, changed: true };
  });
  if (champion.as_of !== chosen)
    log.info('a newer model stays in service', { champion: champion.as_of, challenger: chosen });
  const model = {
    format: 'safetensors',
    rows: 0,
    bytes: bytes.length,
    columns: [{ name: 'Volume', type: 'BIGINT' }],
  };
  return {
    status: changed ? 'done' : 'up_to_date',
    inputs: [
      { name: 'model', uri: store.locate(name), rows: 0, bytes: bytes.length, key: challenger.sha256 },
    ],
    outputs: [{ name: 'champion', uri: store.locate('model.bin'), key: champion.sha256, ...model }],
    columnLineage: {},
    checks: [],
    metrics: { champion_as_of: champion.as_of, challenger_as_of: chosen },
  };
}

async function readModel(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT')
      throw new InputError(`${path}: there is no such model; run train with this --as-of first`);
    throw cause;
  });
  try {
    decodeModel(bytes);
  } catch (cause) {
    throw new InputError(`${path}: ${(cause as Error).message}; remove its folder and train it again`, {
      cause,
    });
  }
  return bytes;
}
