import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../../model/model.ts';
import { decodeModel } from '../../model/model-file.ts';
import { type InService, inService } from '../scoring/service.ts';

/** Files that train writes beside a model. */
export type TrainingFile = 'card.md' | 'losses.csv' | 'metrics.json';

/** Files that walk-forward writes, and the page shows. */
export type WalkForwardFile = 'walk-forward.md';

/** Access to the models of a store. */
export interface ModelSource {
  /** A value that changes when the champion may have changed; undefined if there is none. */
  stamp(): Promise<string | undefined>;
  model(): Promise<Buffer>;
  /** The SHA-256 in champion.json; undefined without that file. @throws ChampionError */
  sha256(): Promise<string | undefined>;
  /** As-of dates of the trained models, ascending. */
  dates(): Promise<string[]>;
  trained(asOf: string): Promise<Buffer>;
  /** A value that changes when the trained model of a date changes; undefined if there is none. */
  trainedStamp(asOf: string): Promise<string | undefined>;
  /** Undefined if there is no such file. */
  trainingFile(asOf: string, name: TrainingFile): Promise<string | undefined>;
  /** Undefined if there is no such file. */
  walkForwardFile(name: WalkForwardFile): Promise<string | undefined>;
}

/** champion.json is invalid, or names another model than model.bin. */
export class ChampionError extends Error {}

/** A new model to serve, and what is wrong with champion.json, if anything. */
export interface LoadedModel {
  next: InService;
  championError: ChampionError | undefined;
}

const DATE = /^\d{4}-\d\d-\d\d$/;

/** The models of a store on this machine. */
export function folderSource(store: string): ModelSource {
  const stampOf = (name: string) =>
    stat(join(store, name), { bigint: true }).then(
      ({ ino, size, mtimeNs }) => `${ino}-${size}-${mtimeNs}`,
      (error) => undefinedIfMissing(error),
    );
  const textOf = (...path: string[]) =>
    readFile(join(store, ...path), 'utf8').catch((error) => undefinedIfMissing(error));
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
      throw new ChampionError('champion.json is not JSON with a sha256');
    },
    async dates() {
      const names = await readdir(join(store, 'models')).catch((error) => undefinedIfMissing(error));
      return (names ?? []).filter((name) => DATE.test(name)).sort();
    },
    trained: (asOf) => readFile(join(store, 'models', asOf, 'model.bin')),
    trainedStamp: (asOf) => stampOf(join('models', asOf, 'model.bin')),
    // The date becomes part of a path, so that anything else must not pass.
    trainingFile: async (asOf, name) => (DATE.test(asOf) ? textOf('models', asOf, name) : undefined),
    walkForwardFile: textOf,
  };
}

/**
 * Returns a function that reads and verifies the champion if it has changed. promote publishes
 * model.bin before champion.json: if the two do not match, the function waits for the next call. If
 * they still do not match, it throws and the previous model stays. Only at the start is such a
 * model.bin used, since it has its own checksum.
 * @throws ModelError, ChampionError
 */
export function createLoader(source: ModelSource): () => Promise<LoadedModel | undefined> {
  let loadedStamp: string | undefined;
  let mismatchStamp: string | undefined;
  let isFirst = true;
  return async () => {
    const stamp = await source.stamp();
    if (stamp === loadedStamp) return undefined;
    if (stamp === undefined) {
      loadedStamp = undefined;
      throw new ModelError('is gone');
    }
    const bytes = await source.model();
    const championError = await compareWithChampion(bytes, source);
    if ((await source.stamp()) !== stamp) return undefined;
    if (championError && !isFirst && mismatchStamp !== stamp) {
      mismatchStamp = stamp;
      return undefined;
    }
    loadedStamp = stamp;
    const next = prepare(bytes);
    if (championError && !isFirst) throw championError;
    isFirst = false;
    return { next, championError };
  };
}

async function compareWithChampion(bytes: Buffer, source: ModelSource): Promise<ChampionError | undefined> {
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

/** Decodes and verifies a model. @throws ModelError */
export function prepare(bytes: Buffer): InService {
  return inService(decodeModel(bytes));
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
