import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LossLog } from '../../tasks/train/losses.ts';
import { makeFolder } from '../fixtures.ts';

it('a loss is on the disk as soon as it is written, as CSV and as JSON', () => {
  const folder = makeFolder();
  const losses = new LossLog(folder);
  onTestFinished(() => losses.close());
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  losses.write({ step: 1, epoch: 1, split: 'training', loss: 0.5 });
  expect(read('losses.csv')).toBe('step,epoch,split,loss\n1,1,training,0.5\n');
  expect(read('losses.jsonl')).toBe('{"step":1,"epoch":1,"split":"training","loss":0.5}\n');
  losses.write({ step: 1, epoch: 1, split: 'validation', loss: 0.25 });
  expect(read('losses.csv')).toBe('step,epoch,split,loss\n1,1,training,0.5\n1,1,validation,0.25\n');
  expect(read('losses.jsonl').trim().split('\n')).toHaveLength(2);
});
