import type { Hono } from 'hono';
import type { Service } from '../champion/service.ts';
import { parseQuery } from '../http/query.ts';
import { currentOf, scoreRow } from '../scoring/score-row.ts';

/** GET /predict: a bare integer, or with detail=1 all there is to say of it. */
export function mountPredict(app: Hono, service: Service): void {
  app.get('/predict', (context) => {
    const { volMovingAvg, adjCloseRollingMed, detail } = parseQuery(searchOf(context.req.url));
    const current = currentOf(service);
    const scored = scoreRow(service, current, volMovingAvg, adjCloseRollingMed);
    service.succeed?.();
    context.header('X-Model-Version', current.version);
    return context.json(detail ? { ...scored, model_version: current.version } : scored.prediction);
  });
}

function searchOf(url: string): string {
  const [bare = ''] = url.split('#', 1);
  const start = bare.indexOf('?');
  return start < 0 ? '' : bare.slice(start + 1);
}
