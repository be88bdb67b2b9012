import { appendFileSync, closeSync, fdatasyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { PermanentError } from '../../lib/errors.ts';

export interface Loss {
  step: number;
  epoch: number;
  split: 'training' | 'validation';
  loss: number;
}

/** Receives each loss at once. */
export type LossListener = (loss: Loss) => void;

/**
 * Writes each loss at once, as a line of losses.csv and a line of losses.jsonl. The lines survive a
 * kill of this process, and after sync() also a power cut.
 */
export class LossLog {
  readonly all: Loss[] = [];
  readonly folder: string;
  readonly #files = new Map<string, number>();
  readonly #listeners: LossListener[];

  constructor(folder: string, listeners: LossListener[] = []) {
    this.folder = folder;
    this.#listeners = listeners;
    this.#append('losses.csv', 'step,epoch,split,loss\n');
    this.#append('losses.jsonl', '');
  }

  /**
   * @throws PermanentError for a loss that is not finite, once it is written; Error for a full disk
   */
  write({ step, epoch, split, loss }: Loss): void {
    this.all.push({ step, epoch, split, loss });
    this.#append('losses.csv', `${step},${epoch},${split},${loss}\n`);
    this.#append('losses.jsonl', `${JSON.stringify({ step, epoch, split, loss })}\n`);
    for (const listen of this.#listeners) listen({ step, epoch, split, loss });
    if (!Number.isFinite(loss))
      throw new PermanentError(
        `training diverged: the ${split} loss of step ${step} is ${loss} (see ${join(this.folder, 'losses.csv')}); look for absurd values in the features, or give another --seed`,
      );
  }

  /** @throws Error when the disk is full or fails */
  sync(): void {
    for (const file of this.#files.values()) fdatasyncSync(file);
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #append(name: string, text: string): void {
    const path = join(this.folder, name);
    try {
      const file = this.#files.get(name) ?? openSync(path, 'a');
      this.#files.set(name, file);
      appendFileSync(file, text);
    } catch (cause) {
      throw new Error(`${path}: cannot write a loss`, { cause });
    }
  }
}
