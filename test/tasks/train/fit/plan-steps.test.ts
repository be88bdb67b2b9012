import { expect, it } from 'vitest';
import { planSteps } from '../../../../tasks/train/fit/plan-steps.ts';

it.each([
  // 4 batches of at least 256, in no more than 8 epochs.
  [1_014, { size: 256, epochs: 8, steps: 32 }],
  // 100,000 / 200 = 500, to a power of two 512: 196 steps an epoch, and 8 to 9 epochs of those are 1,600.
  [100_000, { size: 512, epochs: 8, steps: 1_568 }],
  // 105,000 / 200 = 525: 206 steps an epoch, 7.8 of them.
  [105_000, { size: 512, epochs: 8, steps: 1_648 }],
  // Batches have 32,768 rows at most: 855 steps an epoch.
  [28_000_000, { size: 32_768, epochs: 2, steps: 1_710 }],
  // and two epochs at least: 3,052 steps each.
  [100_000_000, { size: 32_768, epochs: 2, steps: 6_104 }],
])('%d rows are planned as %j', (rows, plan) => {
  expect(planSteps(rows)).toEqual(plan);
});
