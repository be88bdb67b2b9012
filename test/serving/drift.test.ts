import { expect, it } from 'vitest';
import { Drift } from '../../serving/drift.ts';

// Two cells by volume, cut at ln(1 + 99), two by price, cut at 0.
const density = {
  averageEdges: [Math.log(100)],
  medianEdges: [0],
  shares: Float32Array.of(0.5, 0.25, 0.125, 0.125),
};

it('is 0 where requests lie as the training rows do', () => {
  const drift = new Drift(density);
  for (let i = 0; i < 4; i++) drift.observe(1, -1);
  for (let i = 0; i < 2; i++) drift.observe(1, 1);
  drift.observe(1_000, -1);
  drift.observe(1_000, 1);
  expect(drift.index()).toBeCloseTo(0, 12);
});

it('is the population stability index, worked out by hand', () => {
  const drift = new Drift(density);
  drift.observe(1, -1);
  drift.observe(1, 1);
  drift.observe(99, -1);
  drift.observe(99, 0);
  // Each cell has 1/4: (1/4 - 1/2) ln(1/2) + 0 + 2 (1/4 - 1/8) ln 2 = ln 2 / 2.
  expect(drift.index()).toBeCloseTo(Math.LN2 / 2, 12);
});

it('stays finite where a cell that training never saw is asked for', () => {
  const drift = new Drift({ ...density, shares: Float32Array.of(1, 0, 0, 0) });
  drift.observe(1_000, 1);
  // Shares count as 1e-4 at least: 2 (1 - 1e-4) ln 10^4.
  expect(drift.index()).toBeCloseTo(2 * 0.9999 * Math.log(1e4), 9);
});

it('knows no index before the first request', () => {
  expect(new Drift(density).index()).toBeNaN();
});
