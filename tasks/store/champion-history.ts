import { readFile } from 'node:fs/promises';
import { PermanentError } from '../lib/errors.ts';
import type { Store } from './store.ts';

export const HISTORY = 'champion-history.jsonl';

/** What champion.json holds: which model is in service. */
export interface Champion {
  as_of: string;
  /** Of model.bin. */
  sha256: string;
  /** Of the features that it was trained on. */
  features_key?: string;
}

/** A line of champion-history.jsonl. */
export interface Change {
  /** When, as ISO 8601 in UTC. */
  at: string;
  /** What changed it; `found` where a model was in service of which the history did not know. */
  by: 'promote' | 'rollback' | 'found';
  /** The command, as it could be given again. */
  command: string;
  from: Champion | null;
  to: Champion;
  why: string;
}

/** Every change of the champion, the oldest first. @throws PermanentError when a line cannot be read */
export async function readHistory(store: Store): Promise<Change[]> {
  const path = store.locate(HISTORY);
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    try {
      const change = JSON.parse(line) as Change;
      if (change.to.sha256 && change.to.as_of) return change;
    } catch {}
    throw new PermanentError(`${path}: line ${index + 1} is damaged; mend it, or move the file away`);
  });
}

/** Who was champion one after the other, as far as no rollback has undone it; the one in service comes last. */
export function successionOf(history: Change[]): Champion[] {
  const succession: Champion[] = [];
  for (const { by, to } of history) {
    const known = by === 'rollback' ? succession.findLastIndex(({ sha256 }) => sha256 === to.sha256) : -1;
    succession.splice(known < 0 ? succession.length : known);
    succession.push(to);
  }
  return succession;
}

/** When a model was rolled back from, if nobody has put it into service since. */
export function rolledBackAt(sha256: string, history: Change[]): string | undefined {
  const last = history.findLast(
    ({ by, from, to }) => to.sha256 === sha256 || (by === 'rollback' && from?.sha256 === sha256),
  );
  return last && last.to.sha256 !== sha256 ? last.at : undefined;
}
