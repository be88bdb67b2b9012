import util from 'node:util';

export type TensorFlow = typeof import('@tensorflow/tfjs-node');

/**
 * TensorFlow.js on its native library, which is not loaded before this is called. It takes its settings from the
 * environment only.
 */
export async function loadTensorFlow(): Promise<TensorFlow> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  // Sums depend on how they are split over threads, so as many on every machine: the same model everywhere.
  process.env.TF_NUM_INTRAOP_THREADS = '2';
  // Without it TensorFlow multiplies by code that a signal in its middle can make write elsewhere.
  process.env.TF_ENABLE_ONEDNN_OPTS = '1';
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  Object.assign(util, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
  return (await import('@tensorflow/tfjs-node')).default as unknown as TensorFlow;
}
