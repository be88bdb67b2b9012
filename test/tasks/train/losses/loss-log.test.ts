import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PermanentError } from '../../../../tasks/lib/errors.ts';
import { type Loss, LossLog } from '../../../../tasks/train/losses/loss-log.ts';
import { makeFolder } from '../../../support/fixtures.ts';

it('a loss is in losses.csv and losses.jsonl as soon as it is written', () => {
  const folder = makeFolder();
  using losses = new LossLog(folder);
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  losses.write({ step: 1, epoch: 1, split: 'training', loss: 0.5 });
  expect(read('losses.csv')).toBe('step,epoch,split,loss\n1,1,training,0.5\n');
  expect(read('losses.jsonl')).toBe('{"step":1,"epoch":1,"split":"training","loss":0.5}\n');
  losses.write({ step: 1, epoch: 1, split: 'validation', loss: 0.25 });
  expect(read('losses.csv')).toBe('step,epoch,split,loss\n1,1,training,0.5\n1,1,validation,0.25\n');
  expect(read('losses.jsonl').trim().split('\n')).toHaveLength(2);
  losses.sync();
});

it('every listener receives a loss, and one that is not finite is written before it is refused', () => {
  const folder = makeFolder();
  const received: Loss[] = [];
  using losses = new LossLog(folder, [(loss) => received.push(loss)]);
  const bad: Loss = { step: 7, epoch: 1, split: 'validation', loss: Infinity };
  expect(() => losses.write(bad)).toThrow(PermanentError);
  expect(received).toEqual([bad]);
  expect(readFileSync(join(folder, 'losses.csv'), 'utf8')).toContain('\n7,1,validation,Infinity\n');
});
