import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { version as duckdbVersion } from '@duckdb/node-api';
import tfjs from '@tensorflow/tfjs-node/package.json' with { type: 'json' };
import { readOrigin } from '../store/origins.ts';
import type { Store } from '../store/store.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The data and the programs that made a model, as recorded in metrics.json and model.bin. */
export interface Provenance {
  features_key: string;
  /** Absent where the features do not record it. */
  prices_key?: string;
  /** The commit of this program, with -dirty where files differ from it; absent if not known. */
  git_commit?: string;
  tfjs_version: string;
  duckdb_version: string;
  node_version: string;
}

/** @param gitCommit of this program; taken from git, if not given */
export async function findProvenance(
  featuresKey: string,
  gitCommit: string | undefined,
  store: Store,
): Promise<Provenance> {
  const pricesKey = await readOrigin('features', featuresKey, 'prices', store);
  const commit = gitCommit ?? (await findGitCommit(ROOT));
  return {
    features_key: featuresKey,
    ...(pricesKey && { prices_key: pricesKey }),
    ...(commit && { git_commit: commit }),
    tfjs_version: tfjs.version,
    duckdb_version: duckdbVersion(),
    node_version: process.version,
  };
}

/** The commit of a checkout; undefined without git, or where the folder is not its top. */
export async function findGitCommit(folder: string): Promise<string | undefined> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', ['--no-optional-locks', '-C', folder, ...args])).stdout.trim();
  try {
    if ((await git('rev-parse', '--show-prefix')) !== '') return undefined;
    return await git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*');
  } catch {
    return undefined;
  }
}
