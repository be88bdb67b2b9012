import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { tryLock, waitForLock } from 'fs-native-extensions';
import { PermanentError } from '../lib/errors.ts';

const SCRATCH = 'tmp';
const LOCK = '.lock';

/**
 * The store: a folder of published files. A name is a path relative to the root, with forward
 * slashes. A published file is complete and on disk, or not there at all.
 */
export class Store {
  readonly root: string;
  readonly #scratch = new Set<string>();

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * Opens the store, and removes the scratch folders of killed runs.
   * @param canCreate whether to create the store if it does not exist
   * @throws PermanentError when the root does not exist, is not writable, or is not a local folder
   */
  static async open(root: string, canCreate = true): Promise<Store> {
    if (/^[a-z0-9]+:\/\//i.test(root))
      throw new PermanentError(`--store ${root} is not a local folder; use a path`);
    const store = new Store(resolve(root));
    if (!canCreate && !(await stat(store.root).catch(ignore('ENOENT'))))
      throw new PermanentError(`${store.root}: there is no store here; check --store, or run ingest first`);
    try {
      await mkdir(store.locate(SCRATCH), { recursive: true });
      const probe = await store.scratch();
      await probe[Symbol.asyncDispose]();
    } catch (cause) {
      throw new PermanentError(`${store.root} is not writable; use --store with a writable folder`, {
        cause,
      });
    }
    await store.#removeAbandonedScratch();
    return store;
  }

  /** The path of a name, for readers such as DuckDB. */
  locate(name: string): string {
    return join(this.root, name);
  }

  /**
   * A new folder on the disk of the store. It is removed on disposal (`await using`), or on a
   * signal. A lock, held from before the folder exists, shows that its owner is alive.
   */
  async scratch(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
    const path = this.locate(`${SCRATCH}/${randomUUID()}`);
    // Synchronous, so that no signal can arrive before the folder is in #scratch.
    const lock = openSync(`${path}${LOCK}`, 'a+');
    if (!tryLock(lock) || fstatSync(lock).nlink === 0) {
      // Another process removed the lock as abandoned.
      closeSync(lock);
      return this.scratch();
    }
    this.#scratch.add(path);
    mkdirSync(path);
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await rm(path, { recursive: true, force: true });
        await rm(`${path}${LOCK}`, { force: true });
        closeSync(lock);
        this.#scratch.delete(path);
      },
    };
  }

  /** Removes the scratch folders of this process synchronously, before it exits on a signal. */
  removeScratch(): void {
    for (const path of this.#scratch) {
      rmSync(path, { recursive: true, force: true });
      rmSync(`${path}${LOCK}`, { force: true });
    }
  }

  /** Moves a file from scratch to a name: fsync, then an atomic rename. Replaces an older file. */
  async publish(path: string, name: string): Promise<void> {
    const target = this.locate(name);
    await sync(path);
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
    await sync(dirname(target));
  }

  /** Publishes a text file. */
  async publishText(name: string, text: string): Promise<void> {
    await using scratch = await this.scratch();
    const path = join(scratch.path, 'text');
    await writeFile(path, text);
    await this.publish(path, name);
  }

  /**
   * Moves a folder from scratch to a name. An older folder is moved to scratch first, then removed:
   * a reader finds the old one, the new one or, for an instant, none, but never a mixture.
   */
  async publishFolder(path: string, name: string): Promise<void> {
    const target = this.locate(name);
    for (const entry of await readdir(path)) await sync(join(path, entry));
    await sync(path);
    await mkdir(dirname(target), { recursive: true });
    await using aside = await this.scratch();
    for (let attempt = 0; ; attempt++) {
      await rename(target, join(aside.path, String(attempt))).catch(ignore('ENOENT'));
      try {
        await rename(path, target);
        break;
      } catch (error) {
        if (!isCode(error, 'ENOTEMPTY', 'EEXIST') || attempt === 9) throw error;
      }
    }
    await sync(dirname(target));
  }

  /** Renames a published folder. The new name must be free. */
  async moveFolder(from: string, to: string): Promise<void> {
    await rename(this.locate(from), this.locate(to));
    await sync(dirname(this.locate(to)));
  }

  /** Removes a folder. Readers lose it at once, whole. */
  async remove(name: string): Promise<void> {
    await using scratch = await this.scratch();
    await rename(this.locate(name), join(scratch.path, 'removed')).catch(ignore('ENOENT'));
  }

  /**
   * Publishes a published file under a second name: as a hard link, or a copy where the disk has no
   * links.
   */
  async publishAgain(from: string, to: string): Promise<void> {
    await using scratch = await this.scratch();
    const path = join(scratch.path, 'again');
    await link(this.locate(from), path).catch(() => copyFile(this.locate(from), path));
    await this.publish(path, to);
  }

  /**
   * The JSON of a name, or undefined if there is no file.
   * @throws PermanentError when it is not JSON
   */
  async readJson<T>(name: string): Promise<T | undefined> {
    const text = await readFile(this.locate(name), 'utf8').catch(ignore('ENOENT'));
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new PermanentError(`${this.locate(name)} is damaged; remove it and run the task again`, {
        cause,
      });
    }
  }

  /** The size of a file in bytes, or undefined if there is none. */
  async size(name: string): Promise<number | undefined> {
    return (await stat(this.locate(name)).catch(ignore('ENOENT')))?.size;
  }

  /** The entries of a folder in alphabetical order; empty if it does not exist. */
  async list(name: string): Promise<string[]> {
    return ((await readdir(this.locate(name)).catch(ignore('ENOENT', 'ENOTDIR'))) ?? []).sort();
  }

  /**
   * Runs `work` while holding a lock. The operating system releases the lock of a killed process.
   */
  async withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
    const handle = await open(this.locate(`${name}${LOCK}`), 'a+');
    try {
      await waitForLock(handle.fd);
      return await work();
    } finally {
      await handle.close();
    }
  }

  async #removeAbandonedScratch(): Promise<void> {
    const names = (await this.list(SCRATCH)).map((name) => name.replace(/\.lock$/, ''));
    for (const path of [...new Set(names)].map((name) => this.locate(`${SCRATCH}/${name}`))) {
      const lock = await open(`${path}${LOCK}`, 'a+');
      try {
        if (!tryLock(lock.fd)) continue;
        await rm(path, { recursive: true, force: true });
        await rm(`${path}${LOCK}`, { force: true });
      } finally {
        await lock.close();
      }
    }
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!isCode(error, ...codes)) throw error;
    return undefined;
  };
}
