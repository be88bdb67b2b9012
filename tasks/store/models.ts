import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Model } from '../../model/model.ts';
import { decodeModel } from '../../model/model-file.ts';
import { PermanentError } from '../lib/errors.ts';
import type { Store } from './store.ts';

/** A model and the model.bin that holds it. */
export interface ModelFile {
  model: Model;
  bytes: Buffer;
  sha256: string;
}

/**
 * A folder of models/: `2020-01-01`, or `2020-01-01.<hash>` for a model that another has replaced.
 */
export interface ModelFolder {
  name: string;
  asOf: string;
  isReplaced: boolean;
}

/**
 * The folders of models/ by as-of date: for each date first the current one, then the replaced
 * ones.
 */
export async function modelFolders(store: Store): Promise<ModelFolder[]> {
  return (await store.list('models')).flatMap((name) => {
    const [, asOf, hash] = /^(\d{4}-\d{2}-\d{2})(\.[0-9a-f]{16})?$/.exec(name) ?? [];
    return asOf ? [{ name, asOf, isReplaced: hash !== undefined }] : [];
  });
}

/**
 * The as-of dates of the store's models, oldest first.
 * @throws PermanentError when there are none
 */
export async function modelDates(store: Store): Promise<string[]> {
  const folders = await modelFolders(store);
  const dates = folders.filter(({ isReplaced }) => !isReplaced).map(({ asOf }) => asOf);
  if (dates.length > 0) return dates;
  throw new PermanentError(`${store.locate('models')}: there are no models in this store; run train first`);
}

/** The model in a folder of models/. @throws PermanentError when there is none, or it is damaged */
export async function readModel(name: string, store: Store): Promise<ModelFile> {
  const path = store.locate(`models/${name}/model.bin`);
  try {
    const file = openModel(await readFile(path));
    if (file.model.asOf !== name.slice(0, 10)) throw new Error(`it is the model as of ${file.model.asOf}`);
    return file;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new PermanentError(
        `${path}: there is no such model; run train --as-of ${name} first, or models for a list`,
      );
    throw new PermanentError(
      `${path}: ${message}; run train --as-of ${name} again, which puts this one aside`,
      { cause },
    );
  }
}

/** Reads the bytes of a model.bin. @throws ModelError when it is damaged */
export function openModel(bytes: Buffer): ModelFile {
  return { model: decodeModel(bytes), bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * Whether the model with this key is published. A damaged or unreadable model counts as missing;
 * publishModel() puts it aside.
 * @throws PermanentError when there is a sound model of the same date with another key, and
 * `replace` is false
 */
export async function isModelThere(
  asOf: string,
  key: string,
  replace: boolean,
  store: Store,
): Promise<boolean> {
  const name = `models/${asOf}`;
  const isSound = await readModel(asOf, store).then(
    () => true,
    () => false,
  );
  if (!isSound) return false;
  const metrics = await store.readJson<{ key?: string }>(`${name}/metrics.json`).catch(() => undefined);
  if (metrics?.key === key) return true;
  if (replace) return false;
  throw new PermanentError(
    `${store.locate(name)}: there is already a model as of ${asOf}, made from other features, another seed or another version; use --replace to put it aside, or another --as-of`,
  );
}

/**
 * Publishes the folder of a model, unless the model of this date has the same key. Any other folder
 * of this date is put aside as it is, since a champion may have come from it.
 * @throws PermanentError when there is a sound model with another key, and `replace` is false
 */
export async function publishModel(
  folder: string,
  asOf: string,
  { key, replace }: { key: string; replace: boolean },
  store: Store,
): Promise<void> {
  const name = `models/${asOf}`;
  await store.withLock('models', async () => {
    if (await isModelThere(asOf, key, replace, store)) return;
    if ((await store.list(name)).length > 0)
      await store.moveFolder(name, `models/${await nameAside(asOf, store)}`);
    await store.publishFolder(folder, name);
  });
}

/**
 * A free name: the date and 16 digits of the SHA-256 of model.bin, the first 16 that no other
 * folder has.
 */
async function nameAside(asOf: string, store: Store): Promise<string> {
  const bytes = await readFile(store.locate(`models/${asOf}/model.bin`)).catch(() => '');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const taken = await store.list('models');
  for (let at = 0; ; at++) {
    const name = `${asOf}.${sha256.slice(at, at + 16)}`;
    if (!taken.includes(name)) return name;
  }
}
