import { expect, it } from 'vitest';
import { planSteps } from '../../../../tasks/train/fit/plan-steps.ts';

it.each([
  // 4 batches of the minimum, 256, in the maximum of 8 epochs.
  [1_014, { batchSize: 256, epochs: 8, steps: 32 }],
  // 100,000 / 200 = 500, rounded to the power of two 512: 196 steps per epoch; 8.2 epochs would be
  // 1,600 steps.
  [100_000, { batchSize: 512, epochs: 8, steps: 1_568 }],
  // 105,000 / 200 = 525: 206 steps per epoch; 7.8 epochs would be 1,600 steps.
  [105_000, { batchSize: 512, epochs: 8, steps: 1_648 }],
  // Batches of the maximum, 32,768: 855 steps per epoch.
  [28_000_000, { batchSize: 32_768, epochs: 2, steps: 1_710 }],
  // The minimum of 2 epochs: 3,052 steps each.
  [100_000_000, { batchSize: 32_768, epochs: 2, steps: 6_104 }],
])('%d rows give the plan %j', (rows, plan) => {
  expect(planSteps(rows)).toEqual(plan);
});
