import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type FileFacts, inspectFile } from './file-facts.ts';
import { changedError } from './source-files.ts';

/** Reading fewer files than this takes less time than starting a thread. */
const MIN_FILES_FOR_THREADS = 500;

/** The facts of files, in the order of the paths. Many files are read on several threads. */
export async function inspectFiles(paths: string[], threads: number): Promise<FileFacts[]> {
  if (paths.length < MIN_FILES_FOR_THREADS || threads < 2) return inspectFilesHere(paths);
  const pathsOfThread = Array.from({ length: threads }, (_, thread) =>
    paths.filter((_, index) => index % threads === thread),
  );
  const facts = await Promise.all(pathsOfThread.map(inspectFilesOnThread));
  return paths.map((_, index) => facts[index % threads]?.[Math.floor(index / threads)] as FileFacts);
}

/** The same on this thread. */
export function inspectFilesHere(paths: string[]): FileFacts[] {
  const reader = new FileReader();
  return paths.map((path) => inspectFile(reader.read(path)));
}

/**
 * Errors lose their code on the way from a thread. If it fails, this thread reads the files again.
 */
async function inspectFilesOnThread(paths: string[]): Promise<FileFacts[]> {
  const worker = new Worker(new URL('inspect-files-worker.ts', import.meta.url), { workerData: paths });
  return new Promise<FileFacts[]>((done, fail) => {
    worker.once('message', done).once('error', fail);
  }).catch(() => inspectFilesHere(paths));
}

/**
 * Reads whole files, one after another, into the same memory. Three times as fast for thousands.
 */
class FileReader {
  #memory = Buffer.allocUnsafeSlow(1 << 20);

  /** The bytes of a file. The next call overwrites them. */
  read(path: string): Buffer {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (size > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(2 * size);
      let length = 0;
      while (length < size) {
        const read = readSync(file, this.#memory, length, size - length, length);
        if (read === 0) throw changedError(path);
        length += read;
      }
      return this.#memory.subarray(0, length);
    } finally {
      closeSync(file);
    }
  }
}
