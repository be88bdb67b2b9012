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

/** A model that is to be made. */
export interface ModelPlan {
  asOf: string;
  /** A hash of everything that the model depends on. */
  key: string;
  featuresKey: string;
  /** The values of the options that change the model, named as in its provenance. */
  hyperparameters: Record<string, number>;
  /** Put a model of the same date and features aside, even if it was trained with other options. */
  replace: boolean;
}

/**
 * Whether this model is published. If not, publishModel() puts aside what is in its place: a
 * damaged model, or one of other features or of another version of the training.
 * @throws PermanentError when the model in its place is from the same features and was trained with
 * other options, and `replace` is false
 */
export async function isModelThere(plan: ModelPlan, store: Store): Promise<boolean> {
  const { asOf, key, replace } = plan;
  const name = `models/${asOf}`;
  const file = await readModel(asOf, store).catch(() => undefined);
  if (!file) return false;
  const metrics = await store.readJson<{ key?: string }>(`${name}/metrics.json`).catch(() => undefined);
  if (metrics?.key === key) return true;
  const otherOptions = replace ? [] : findOtherOptions(file.model, plan);
  if (otherOptions.length === 0) return false;
  throw new PermanentError(
    `${store.locate(name)}: there is already a model as of ${asOf} of the same features, trained with ${otherOptions.join(' and ')}; use --replace (REPLACE=1) to put it aside, or another --as-of`,
  );
}

/** The options that a model of the same features was trained with, where they differ. */
function findOtherOptions({ provenance }: Model, { featuresKey, hyperparameters }: ModelPlan): string[] {
  if (provenance.features_key !== featuresKey) return [];
  return Object.entries(hyperparameters)
    .filter(([name, value]) => (provenance[name] ?? String(value)) !== String(value))
    .map(([name, value]) => `--${name.replaceAll('_', '-')} ${provenance[name]} instead of ${value}`);
}

/**
 * Publishes the folder of a model, unless it is published already. Any other folder of this date is
 * put aside as it is, since a champion may have come from it.
 * @throws PermanentError as isModelThere() does
 */
export async function publishModel(folder: string, plan: ModelPlan, store: Store): Promise<void> {
  const { asOf } = plan;
  const name = `models/${asOf}`;
  await store.withLock('models', async () => {
    if (await isModelThere(plan, store)) return;
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
