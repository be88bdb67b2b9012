import { RequestError } from '../problem.ts';
import type { InService, Service } from './service.ts';

/** A prediction as in every answer except the bare integer. */
export interface Scored {
  /** Shares, the rounded point: an integer from 0 to 2^53 - 1. */
  prediction: number;
  p10: number;
  p50: number;
  p90: number;
  in_domain: boolean;
}

/**
 * The model in service. Call it once for each request, so that one answer comes from one model.
 * @throws RequestError 503
 */
export function currentOf(service: Service): InService {
  if (!service.current)
    throw new RequestError(503, 'no model is in service yet; wait until /health/ready is 200', [], {
      'retry-after': '2',
    });
  return service.current;
}

/** Scores one row, and reports it to `service.observe`. */
export function scoreRow(
  service: Service,
  { predictor }: InService,
  volMovingAvg: number,
  adjCloseRollingMed: number,
): Scored {
  const scored = predictor.predict(volMovingAvg, adjCloseRollingMed);
  service.observe?.(volMovingAvg, adjCloseRollingMed, scored);
  const in_domain = predictor.isInDomain(volMovingAvg, adjCloseRollingMed);
  const { point, p10, p50, p90 } = in_domain
    ? scored
    : predictor.widenInterval(scored, volMovingAvg, adjCloseRollingMed);
  return { prediction: Math.round(point), p10, p50, p90, in_domain };
}
