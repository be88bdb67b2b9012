/** Batches grow with the rows between these bounds. */
const BATCH = { min: 256, max: 32_768, share: 1 / 200 };
/** As many epochs as give this many steps, within bounds: with more of them a network fits few rows rather than those after them. */
const STEPS = 1_600;
const EPOCHS = { min: 2, max: 8 };

/** How many rows a step takes at most. */
export const MOST_ROWS = BATCH.max;

/** How many rows a step of fitNetwork() takes, and how many epochs and steps it needs. */
export function planSteps(rows: number): { size: number; epochs: number; steps: number } {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, rows * BATCH.share)));
  const size = Math.min(BATCH.max, Math.max(BATCH.min, wanted));
  const stepsAnEpoch = Math.ceil(rows / size);
  const epochs = Math.min(EPOCHS.max, Math.max(EPOCHS.min, Math.ceil(STEPS / stepsAnEpoch)));
  return { size, epochs, steps: epochs * stepsAnEpoch };
}
