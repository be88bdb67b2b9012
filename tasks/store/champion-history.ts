import { readFile } from 'node:fs/promises';
import { PermanentError } from '../lib/errors.ts';
import type { Store } from './store.ts';

export const HISTORY = 'champion-history.jsonl';

/** The model in service, as champion.json names it. */
export interface Champion {
  as_of: string;
  /** Of the bytes of model.bin. */
  sha256: string;
  /** Of the features that the model was trained on. */
  features_key?: string;
}

/** A line of champion-history.jsonl. */
export interface ChampionChange {
  /** The time, as ISO 8601 in UTC. */
  at: string;
  /**
   * `found`: model.bin held a model that the history did not have, since a run was killed between
   * the two writes.
   */
  by: 'promote' | 'rollback' | 'found';
  /** The command that made the change; empty where it is not known. */
  command: string;
  from: Champion | null;
  to: Champion;
  why: string;
}

/**
 * Every change of the champion, the oldest first.
 * @throws PermanentError when a line is not valid
 */
export async function readHistory(store: Store): Promise<ChampionChange[]> {
  const path = store.locate(HISTORY);
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    try {
      const change = JSON.parse(line) as ChampionChange;
      if (change.to.sha256 && change.to.as_of) return change;
    } catch {}
    throw new PermanentError(`${path}: line ${index + 1} is not valid; fix it, or move the file away`);
  });
}

/** The champions that no rollback has undone, in order; the last one is in service. */
export function successionOf(history: ChampionChange[]): Champion[] {
  const succession: Champion[] = [];
  for (const { by, to } of history) {
    const known = by === 'rollback' ? succession.findLastIndex(({ sha256 }) => sha256 === to.sha256) : -1;
    succession.splice(known < 0 ? succession.length : known);
    succession.push(to);
  }
  return succession;
}

/**
 * The time at which a model was rolled back; undefined if it was not, or was put into service
 * again.
 */
export function rolledBackAt(sha256: string, history: ChampionChange[]): string | undefined {
  const last = history.findLast(
    ({ by, from, to }) => to.sha256 === sha256 || (by === 'rollback' && from?.sha256 === sha256),
  );
  return last && last.to.sha256 !== sha256 ? last.at : undefined;
}
