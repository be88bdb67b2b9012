/** Batch sizes grow with the rows, within these bounds. */
const BATCH = { min: 256, max: 32_768, share: 1 / 200 };
/** The target, within the bounds of EPOCHS. With more epochs, few rows are overfitted. */
const STEPS = 1_600;
const EPOCHS = { min: 2, max: 8 };

export const MAX_BATCH_SIZE = BATCH.max;

/** The batch size for this many training rows, a power of two, and the epochs and steps. */
export function planSteps(rows: number): { batchSize: number; epochs: number; steps: number } {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, rows * BATCH.share)));
  const batchSize = Math.min(BATCH.max, Math.max(BATCH.min, wanted));
  const stepsPerEpoch = Math.ceil(rows / batchSize);
  const epochs = Math.min(EPOCHS.max, Math.max(EPOCHS.min, Math.ceil(STEPS / stepsPerEpoch)));
  return { batchSize, epochs, steps: epochs * stepsPerEpoch };
}
