import { expect, it } from 'vitest';
import { createRandom, shuffle } from '../../../../tasks/train/fit/random.ts';

it('the same seed gives the same numbers, another seed gives others', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, createRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

it('numbers are spread evenly over [0, 1)', () => {
  const random = createRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const tenth = Math.floor(random() * 10);
    counts[tenth] = (counts[tenth] ?? 0) + 1;
  }
  expect(counts).toHaveLength(10);
  // 10,000 are expected with a standard deviation of 95.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

it('a shuffle keeps every value and moves most', async () => {
  const values = Int32Array.from({ length: 1000 }, (_, i) => i);
  await shuffle(values, createRandom(3));
  expect(values.filter((value, i) => value === i).length).toBeLessThan(20);
  expect([...values].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});
