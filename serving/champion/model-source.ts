import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../../model/model.ts';
import { decodeModel } from '../../model/model-file.ts';
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
  /** The checksum that champion.json names; undefined without that file. @throws ChampionError */
  sha256(): Promise<string | undefined>;
  /** As-of dates of the trained models, ascending. */
  dates(): Promise<string[]>;
  trained(asOf: string): Promise<Buffer>;
  /** What changes when the trained model of a date is another one; undefined where there is none. */
  trainedStamp(asOf: string): Promise<string | undefined>;
  /** A report of a trained model; undefined where there is none. */
  modelReport(asOf: string, name: ModelReport): Promise<string | undefined>;
  /** A report of all models; undefined where there is none. */
  storeReport(name: StoreReport): Promise<string | undefined>;
}

/** champion.json is broken, or names another model than model.bin. */
export class ChampionError extends Error {}

/** Another model to serve, and what is wrong with champion.json all the same. */
export interface Found {
  next: InService;
  doubt: ChampionError | undefined;
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
        const { sha256 } = JSON.parse(text);
        if (typeof sha256 === 'string') return sha256;
      } catch {}
      throw new ChampionError('champion.json is broken: it names no model by its sha256');
    },
    async dates() {
      const names = await readdir(join(store, 'models')).catch((error) => orMissing(error));
      return (names ?? []).filter((name) => DATE.test(name)).sort();
    },
    trained: (asOf) => readFile(join(store, 'models', asOf, 'model.bin')),
    trainedStamp: (asOf) => stampOf(join('models', asOf, 'model.bin')),
    // The date becomes a part of a path.
    modelReport: async (asOf, name) => (DATE.test(asOf) ? textOf('models', asOf, name) : undefined),
    storeReport: textOf,
  };
}

/**
 * Looks once, and reads and verifies the model where it may be another one. promote publishes model.bin first and
 * champion.json after it: where the two differ it waits a look. Then they are at odds, and the model before stays; where
 * there is none, model.bin is taken, which vouches for itself.
 * @throws ModelError, ChampionError
 */
export function createLoader(source: ModelSource): () => Promise<Found | undefined> {
  let known: string | undefined;
  let doubted: string | undefined;
  let isFirst = true;
  return async () => {
    const stamp = await source.stamp();
    if (stamp === known) return undefined;
    if (stamp === undefined) {
      known = undefined;
      throw new ModelError('is gone');
    }
    const bytes = await source.model();
    const doubt = await doubtOf(bytes, source);
    if ((await source.stamp()) !== stamp) return undefined;
    if (doubt && !isFirst && doubted !== stamp) {
      doubted = stamp;
      return undefined;
    }
    known = stamp;
    const next = prepare(bytes);
    if (doubt && !isFirst) throw doubt;
    isFirst = false;
    return { next, doubt };
  };
}

async function doubtOf(bytes: Buffer, source: ModelSource): Promise<ChampionError | undefined> {
  try {
    const named = await source.sha256();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (named === undefined || named === sha256) return undefined;
    return new ChampionError(
      `champion.json names the model ${named.slice(0, 12)}…, but model.bin is ${sha256.slice(0, 12)}…`,
    );
  } catch (error) {
    if (error instanceof ChampionError) return error;
    throw error;
  }
}

/** A model that is verified and ready to serve. @throws ModelError */
export function prepare(bytes: Buffer): InService {
  return inService(decodeModel(bytes));
}

function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
