import * as z from 'zod';
import { json, type Route } from '../route.ts';
import type { Service } from '../scoring/service.ts';

const Live = z.object({ status: z.literal('live') }).meta({ id: 'Live' });

const Ready = z
  .object({
    status: z.literal('ready'),
    model: z.string(),
    refused: z.string().optional().describe('Why another model did not take its place'),
  })
  .meta({ id: 'Ready' });

const NotReady = z.object({ status: z.literal('not ready'), reason: z.string() }).meta({ id: 'NotReady' });

/** Probes for an orchestrator: is the process running, and can it predict. */
export function healthRoutes(service: Service): Route[] {
  return [
    {
      method: 'GET',
      path: '/health/live',
      description: { summary: 'Does it live', response: json(Live), notReady: null },
      isOpen: true,
      isUnlimited: true,
      handler: (context) => context.json({ status: 'live' }),
    },
    {
      method: 'GET',
      path: '/health/ready',
      description: { summary: 'Is a model in service', response: json(Ready), notReady: json(NotReady) },
      isOpen: true,
      isUnlimited: true,
      handler: (context) => {
        const { current, fault } = service;
        return current
          ? context.json({ status: 'ready', model: current.version, ...(fault && { refused: fault }) })
          : context.json({ status: 'not ready', reason: fault ?? 'no model was promoted yet' }, 503, {
              'retry-after': '2',
            });
      },
    },
  ];
}
