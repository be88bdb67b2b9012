import * as z from 'zod';
import { parseQuery } from '../http/query.ts';
import { json, type Route } from '../route.ts';
import { Integer, Scored } from '../schemas.ts';
import { currentOf, scoreRow } from '../scoring/score-row.ts';
import type { Service } from '../scoring/service.ts';

const Detail = Scored.extend({ model_version: z.string() }).meta({ id: 'Detail' });

/** GET /predict: a bare integer or, with detail=1, an object. See also http/fast-path.ts. */
export function predictRoutes(service: Service): Route[] {
  return [
    {
      method: 'GET',
      path: '/predict',
      description: {
        summary: 'Predict one row',
        parameters: [
          { name: 'vol_moving_avg', in: 'query', required: true, schema: { type: 'number', minimum: 0 } },
          { name: 'adj_close_rolling_med', in: 'query', required: true, schema: { type: 'number' } },
          { name: 'detail', in: 'query', schema: { enum: ['0', '1'] } },
        ],
        response: json(Integer, Detail),
      },
      handler: (context) => {
        const { volMovingAvg, adjCloseRollingMed, detail } = parseQuery(searchOf(context.req.url));
        const current = currentOf(service);
        const scored = scoreRow(service, current, volMovingAvg, adjCloseRollingMed);
        service.succeed?.();
        context.header('X-Model-Version', current.version);
        return context.json(detail ? { ...scored, model_version: current.version } : scored.prediction);
      },
    },
  ];
}

function searchOf(url: string): string {
  const [bare = ''] = url.split('#', 1);
  const start = bare.indexOf('?');
  return start < 0 ? '' : bare.slice(start + 1);
}
