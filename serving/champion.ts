import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from './model.ts';
import { decodeModel } from './model-file.ts';
import { createPredictor } from './predictor.ts';
import { type InService, inService } from './service.ts';

/** What training leaves beside a model. */
export type ModelReport = 'card.md' | 'losses.csv';

/** What walk-forward leaves. */
export type StoreReport = 'walk-forward.md' | 'walk-forward.svg';

/** Where models come from: a folder now, a bucket later. */
export interface ModelSource {
  /** What changes when the model in service may have changed; undefined where there is none. */
  stamp(): Promise<string | undefined>;
  model(): Promise<Buffer>;
  /** The checksum that champion.json has; undefined where it has none. */
  sha256(): Promise<string | undefined>;
  /** As-of dates of the trained models, ascending. */
  dates(): Promise<string[]>;
  trained(asOf: string): Promise<Buffer>;
  /** A report of a trained model; undefined where there is none. */
  modelReport(asOf: string, name: ModelReport): Promise<string | undefined>;
  /** A report of all models; undefined where there is none. */
  storeReport(name: StoreReport): Promise<string | undefined>;
}

const DATE = /^\d{4}-\d\d-\d\d$/;

/** The models of a store on this machine. */
export function folderSource(store: string): ModelSource {
  const stampOf = (name: string) =>
    stat(join(store, name), { bigint: true }).then(
      ({ ino, size, mtimeNs }) => `${ino}-${size}-${mtimeNs}`,
      (error) => orMissing(error),
    );
  const textOf = (...path: string[]) =>
    readFile(join(store, ...path), 'utf8').catch((error) => orMissing(error));
  return {
    async stamp() {
      const [model, champion] = await Promise.all([stampOf('model.bin'), stampOf('champion.json')]);
      return model && `${model} ${champion}`;
    },
    model: () => readFile(join(store, 'model.bin')),
    async sha256() {
      const text = await textOf('champion.json');
      if (text === undefined) return undefined;
      try {
        return String(JSON.parse(text).sha256);
      } catch (cause) {
        throw new ModelError('has a champion.json beside it that is no JSON', { cause });
      }
    },
    async dates() {
      const names = await readdir(join(store, 'models')).catch((error) => orMissing(error));
      return (names ?? []).filter((name) => DATE.test(name)).sort();
    },
    trained: (asOf) => readFile(join(store, 'models', asOf, 'model.bin')),
    // The date becomes a part of a path.
    modelReport: async (asOf, name) => (DATE.test(asOf) ? textOf('models', asOf, name) : undefined),
    storeReport: textOf,
  };
}

/**
 * Looks once, and reads and verifies the model where it may be another one. promote publishes model.bin first and
 * champion.json after it: where the two differ it waits a look, then the model file, which vouches for itself, is taken.
 */
export function createLoader(source: ModelSource): () => Promise<InService | undefined> {
  let known: string | undefined;
  let doubted: string | undefined;
  return async () => {
    const stamp = await source.stamp();
    if (stamp === undefined || stamp === known) return undefined;
    const [bytes, expected] = [await source.model(), await source.sha256().catch((error: Error) => error)];
    if ((await source.stamp()) !== stamp) return undefined;
    const differs = expected !== undefined && expected !== createHash('sha256').update(bytes).digest('hex');
    if (differs && doubted !== stamp) {
      doubted = stamp;
      return undefined;
    }
    known = stamp;
    return prepare(bytes);
  };
}

/** A model that is verified and ready to serve. @throws ModelError */
export function prepare(bytes: Buffer): InService {
  const service = inService(decodeModel(bytes));
  return { ...service, predictor: { ...service.predictor, predict: createPredictor(service.model) } };
}

function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
