import { expect, it } from 'vitest';
import { applyGates } from '../../../tasks/promote/gates.ts';

const GATES = { maxMaeRatio: 1.02, maxRmsleRatio: 1.02, minCoverage: 0.7, maxCoverage: 0.9 };

const withCoverage = (coverage: number) => ({ rows: 100, mae: 10, rmsle: 1, r2: 0.5, coverage });

it.each([
  ['passes within the bounds, even if the champion is better', 0.7, 0.8, true],
  ['passes within the bounds, even if the champion is better', 0.9, 0.8, true],
  ['is refused below the bounds', 0.69, 0.8, false],
  ['is refused above the bounds', 0.91, 0.8, false],
  // The distances to 0.8 are 0.15, and 0.16 for the champion.
  ['passes below the bounds if the champion is further from 0.8', 0.65, 0.64, true],
  ['passes below the bounds if the champion is further above 0.8', 0.65, 0.96, true],
  ['passes above the bounds if the champion is further from 0.8', 0.95, 0.64, true],
  // The distances to 0.8 are 0.15, and 0.14 for the champion.
  ['is refused below the bounds if the champion is closer to 0.8', 0.65, 0.66, false],
  ['is refused above the bounds if the champion is closer to 0.8', 0.95, 0.66, false],
])('a challenger %s: its coverage is %f, the champion has %f', (_kind, challenger, champion, passes) => {
  const { checks, reasons } = applyGates(withCoverage(challenger), withCoverage(champion), GATES);
  expect(checks.map(({ name, passed }) => [name, passed])).toEqual([
    ['mae_is_within_gate', true],
    ['rmsle_is_within_gate', true],
    ['coverage_is_within_gate', passes],
  ]);
  expect(checks[2]?.value).toBe(challenger);
  expect(reasons).toHaveLength(passes ? 0 : 1);
});

it('a refusal by coverage names both coverages and the bounds', () => {
  expect(applyGates(withCoverage(0.6), withCoverage(0.8), GATES).reasons).toEqual([
    "60.0 % of the volumes are between its p10 and p90, the champion's 80.0 %; --min-coverage is 0.7, --max-coverage 0.9",
  ]);
});
