import type { BigIntStats } from 'node:fs';
import { contentKey } from '../lib/content-key.ts';
import type { Store } from '../store/store.ts';
import type { FileFacts } from './bad-rows.ts';

/** A file that changed this shortly before the folder was looked at could change again without its times telling. */
const SETTLED_MS = 2_000;

/** Goes up whenever what is kept of a file, or how it is found, changes: what was kept before is then not looked at. */
const FORMAT_VERSION = 2;

type Entry = [fingerprint: string, facts: FileFacts];

/** What reading a folder's files told, kept in the store, so that only files that changed since are read again. */
export class KnownFiles {
  readonly #store: Store;
  readonly #name: string;
  readonly #known: Record<string, Entry>;
  readonly #current: Record<string, Entry> = {};
  readonly #opened = Date.now();
  #isChanged = false;

  private constructor(store: Store, name: string, known: Record<string, Entry>) {
    this.#store = store;
    this.#name = name;
    this.#known = known;
  }

  /** What is known of the folder at `uri`; nothing, where what was kept cannot be read. */
  static async open(uri: string, store: Store): Promise<KnownFiles> {
    const name = `cache/files-${contentKey('files', FORMAT_VERSION, uri)}.json`;
    const known = await store.readJson<Record<string, Entry>>(name).catch(() => undefined);
    return new KnownFiles(store, name, known ?? {});
  }

  /** The facts of a file, unless it has changed since they were kept. */
  find(name: string, status: BigIntStats): FileFacts | undefined {
    const [fingerprint, facts = undefined] = this.#known[name] ?? [];
    return fingerprint === fingerprintOf(status) ? facts : undefined;
  }

  /** Takes note of a file's facts, to be saved if its times can be trusted. */
  keep(name: string, status: BigIntStats, facts: FileFacts): void {
    this.#isChanged ||= this.find(name, status) === undefined;
    if (this.#opened - Number(status.ctimeMs) > SETTLED_MS)
      this.#current[name] = [fingerprintOf(status), facts];
  }

  /** Keeps what was noted. */
  async save(): Promise<void> {
    if (this.#isChanged) await this.#store.publishText(this.#name, JSON.stringify(this.#current));
  }
}

/** Differs where a file was written since: size, times of change in nanoseconds, inode. */
export function fingerprintOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, ino].join(' ');
}
