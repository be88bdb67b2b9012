import { join } from 'node:path';
import type { TensorFlow } from '../tensorflow.ts';
import type { Loss, LossListener } from './loss-log.ts';

/**
 * Writes each loss at once to event files for TensorBoard: a scalar `loss` by step in training/ and
 * in validation/, so that TensorBoard draws both in one chart. Event files contain the time, so
 * their bytes differ from run to run.
 * @throws Error that names the folder where the disk is full
 */
export function createTensorBoardWriter(folder: string, tf: TensorFlow): LossListener {
  const open = (split: Loss['split']) => {
    const path = join(folder, split);
    const writer = withPath(path, () => tf.node.summaryFileWriter(path));
    return ({ step, loss }: Loss) =>
      withPath(path, () => {
        writer.scalar('loss', loss, step);
        writer.flush();
      });
  };
  const writers = { training: open('training'), validation: open('validation') };
  return (loss) => writers[loss.split](loss);
}

/** Names the path in an error of `work`. */
function withPath<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(`${path}: cannot write a loss`, { cause });
  }
}
