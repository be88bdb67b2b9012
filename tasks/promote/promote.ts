import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel } from '../../serving/model.ts';
import type { Context } from '../context.ts';
import { modelDates, readModel } from '../models.ts';
import type { Outcome } from '../result.ts';
import type { Store } from '../store.ts';

/** What champion.json holds: which model is in service. */
export interface Champion {
  as_of: string;
  /** Of model.bin. */
  sha256: string;
}

export interface PromoteOptions {
  /** Which model: YYYY-MM-DD. The newest, if not given. */
  asOf?: string | undefined;
  /** Also in place of a newer model. */
  force: boolean;
}

/**
 * Puts a model into service: its model.bin becomes the store's model.bin, and champion.json names it. A model never
 * takes the place of one with a newer as-of date, unless it is forced to. What is in service is what model.bin itself says it is.
 * @throws InputError when there is no such model, or it is damaged
 */
export async function promote({ asOf, force }: PromoteOptions, { store, log }: Context): Promise<Outcome> {
  const chosen = asOf ?? ((await modelDates(store)).at(-1) as string);
  const { bytes } = await readModel(chosen, store);

  const { champion, changed } = await store.withLock('champion', async () => {
    const inService = await readInService(store);
    const keep = inService && ((inService.asOf > chosen && !force) || inService.bytes.equals(bytes));
    const champion = keep ? inService : { asOf: chosen, bytes };
    if (!keep) {
      await using scratch = await store.scratch();
      await writeFile(join(scratch.path, 'model.bin'), bytes);
      await store.publish(join(scratch.path, 'model.bin'), 'model.bin');
    }
    const record: Champion = { as_of: champion.asOf, sha256: sha256(champion.bytes) };
    const known = await store.readJson<Champion>('champion.json').catch(() => undefined);
    const isKnown = known?.as_of === record.as_of && known.sha256 === record.sha256;
    if (!isKnown) await store.publishText('champion.json', `${JSON.stringify(record, null, 2)}\n`);
    return { champion, changed: !keep || !isKnown };
  });

  if (champion.asOf !== chosen)
    log.warn('a newer model stays in service; --force puts this one in its place', {
      champion: champion.asOf,
      challenger: chosen,
    });
  const uri = store.locate(`models/${chosen}/model.bin`);
  return {
    status: changed ? 'done' : 'up_to_date',
    inputs: [{ name: 'model', uri, key: sha256(bytes), rows: 0, bytes: bytes.length }],
    outputs: [
      {
        name: 'champion',
        uri: store.locate('model.bin'),
        key: sha256(champion.bytes),
        format: 'safetensors',
        rows: 0,
        bytes: champion.bytes.length,
        columns: [{ name: 'Volume', type: 'BIGINT' }],
      },
    ],
    columnLineage: {},
    checks: [],
    metrics: { champion_as_of: champion.asOf, challenger_as_of: chosen },
  };
}

/** The model in service; undefined where there is none, or one that cannot be used. */
async function readInService(store: Store): Promise<{ asOf: string; bytes: Buffer } | undefined> {
  try {
    const bytes = await readFile(store.locate('model.bin'));
    return { asOf: decodeModel(bytes).asOf, bytes };
  } catch {
    return undefined;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
