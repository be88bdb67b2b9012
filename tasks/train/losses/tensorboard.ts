import { join } from 'node:path';
import type { TensorFlow } from '../fit/tensorflow.ts';
import type { Loss, LossReader } from './loss-log.ts';

/**
 * Writes every loss to event files that TensorBoard reads, each flushed at once: a scalar `loss` by step in each of training/
 * and validation/, so that TensorBoard draws both in one chart. Event files hold the time.
 * @throws Error that names the folder where its disk is full
 */
export function tensorBoard(folder: string, tf: TensorFlow): LossReader {
  const pathOf = (split: Loss['split']) => join(folder, split);
  const open = (split: Loss['split']) =>
    naming(pathOf(split), () => tf.node.summaryFileWriter(pathOf(split)));
  const writers = { training: open('training'), validation: open('validation') };
  return ({ split, step, loss }) =>
    naming(pathOf(split), () => {
      writers[split].scalar('loss', loss, step);
      writers[split].flush();
    });
}

function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(`${path}: a loss cannot be written`, { cause });
  }
}
