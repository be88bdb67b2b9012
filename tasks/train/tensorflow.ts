import util from 'node:util';

// tfjs-node 4.22 calls two functions that Node 23 removed; they must be there before it is imported.
Object.assign(util, {
  isArray: Array.isArray,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
});

/** TensorFlow.js on its native library, which is not loaded before this is called. */
export async function loadTensorFlow(): Promise<TensorFlow> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  return (await import('@tensorflow/tfjs-node')).default as unknown as TensorFlow;
}

export type TensorFlow = typeof import('@tensorflow/tfjs-node');
