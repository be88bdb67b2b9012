import util from 'node:util';

export type TensorFlow = typeof import('@tensorflow/tfjs-node');

/** Loads TensorFlow.js with its native library. It takes its settings only from the environment. */
export async function loadTensorFlow(): Promise<TensorFlow> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  // Sums depend on how they are split over threads: a fixed number gives the same model on every
  // machine.
  process.env.TF_NUM_INTRAOP_THREADS = '2';
  // Without oneDNN, TensorFlow multiplies matrices with code that a signal can make write to wrong
  // addresses.
  process.env.TF_ENABLE_ONEDNN_OPTS = '1';
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  Object.assign(util, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
  return (await import('@tensorflow/tfjs-node')).default as unknown as TensorFlow;
}
