import type { BigIntStats } from 'node:fs';
import { contentKey } from '../lib/content-key.ts';
import type { Store } from '../store/store.ts';
import type { FileFacts } from './file-facts.ts';

/**
 * A file that changed less than this before it was listed could change again with the same times.
 */
const SETTLED_MS = 2_000;

/** Raise it when FileFacts or the fingerprint change: older caches are then ignored. */
const FORMAT_VERSION = 4;

type Entry = [fingerprint: string, facts: FileFacts];

/** The facts of a folder's files, kept in the store, so that only changed files are read again. */
export class FileFactsCache {
  readonly #store: Store;
  readonly #name: string;
  readonly #old: Record<string, Entry>;
  readonly #new: Record<string, Entry> = {};
  readonly #opened = Date.now();
  #isChanged = false;

  private constructor(store: Store, name: string, old: Record<string, Entry>) {
    this.#store = store;
    this.#name = name;
    this.#old = old;
  }

  /** The cache for the folder at `uri`. It is empty if it cannot be read. */
  static async open(uri: string, store: Store): Promise<FileFactsCache> {
    const name = `cache/files-${contentKey('files', FORMAT_VERSION, uri)}.json`;
    const old = await store.readJson<Record<string, Entry>>(name).catch(() => undefined);
    return new FileFactsCache(store, name, old ?? {});
  }

  /** The facts of a file, unless it has changed since. */
  find(name: string, status: BigIntStats): FileFacts | undefined {
    const [fingerprint, facts = undefined] = this.#old[name] ?? [];
    return fingerprint === fingerprintOf(status) ? facts : undefined;
  }

  /** Adds a file's facts, if its times can be trusted. `save` writes them. */
  add(name: string, status: BigIntStats, facts: FileFacts): void {
    this.#isChanged ||= this.find(name, status) === undefined;
    if (this.#opened - Number(status.ctimeMs) > SETTLED_MS) this.#new[name] = [fingerprintOf(status), facts];
  }

  async save(): Promise<void> {
    if (this.#isChanged) await this.#store.publishText(this.#name, JSON.stringify(this.#new));
  }
}

/** Differs if a file was written since: its size, times of change in nanoseconds, and inode. */
export function fingerprintOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, ino].join(' ');
}
