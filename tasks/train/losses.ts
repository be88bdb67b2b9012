import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Loss {
  step: number;
  epoch: number;
  split: 'training' | 'validation';
  loss: number;
}

/** Puts every loss on the disk as it happens: as a line of losses.csv and a line of losses.jsonl. */
export class LossLog {
  readonly all: Loss[] = [];
  /** Of losses.csv. */
  readonly path: string;
  readonly #csv: number;
  readonly #jsonl: number;

  constructor(folder: string) {
    this.path = join(folder, 'losses.csv');
    this.#csv = openSync(this.path, 'w');
    this.#jsonl = openSync(join(folder, 'losses.jsonl'), 'w');
    writeSync(this.#csv, 'step,epoch,split,loss\n');
  }

  write({ step, epoch, split, loss }: Loss): void {
    this.all.push({ step, epoch, split, loss });
    writeSync(this.#csv, `${step},${epoch},${split},${loss}\n`);
    writeSync(this.#jsonl, `${JSON.stringify({ step, epoch, split, loss })}\n`);
  }

  close(): void {
    closeSync(this.#csv);
    closeSync(this.#jsonl);
  }
}
