import { readFile } from 'node:fs/promises';
import { decodeModel, type Model } from '../serving/model.ts';
import { InputError } from './errors.ts';
import type { Store } from './store.ts';

/** The as-of dates of the store's models, oldest first. @throws InputError when there are none */
export async function modelDates(store: Store): Promise<string[]> {
  const dates = (await store.list('models')).filter((name) => /^\d{4}-\d{2}-\d{2}$/.test(name));
  if (dates.length > 0) return dates;
  throw new InputError(`${store.locate('models')}: there are no models in this store; run train first`);
}

/** The model of a date and the bytes of its file. @throws InputError when there is none, or it is damaged */
export async function readModel(asOf: string, store: Store): Promise<{ model: Model; bytes: Buffer }> {
  const path = store.locate(`models/${asOf}/model.bin`);
  try {
    const bytes = await readFile(path);
    return { model: decodeModel(bytes), bytes };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what =
      code === 'ENOENT'
        ? `there is no such model; run train --as-of ${asOf} first`
        : `${message}; remove its folder and train it again`;
    throw new InputError(`${path}: ${what}`, { cause });
  }
}
