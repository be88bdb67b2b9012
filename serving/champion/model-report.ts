import * as z from 'zod';
import { decodeModel, encodeModel } from '../../model/model-file.ts';
import { type Surface, surfaceOf } from '../scoring/response-surface.ts';
import type { InService, Service } from '../scoring/service.ts';
import type { ModelSource } from './model-source.ts';

const MAX_POINTS = 240;

type Point = [step: number, loss: number];

/** The curves of losses.csv, at most MAX_POINTS each. */
export interface Losses {
  training: Point[];
  validation: Point[];
}

const group = z.object({
  part: z.string(),
  rows: z.number(),
  below_p10: z.number(),
  below_p50: z.number(),
  below_p90: z.number(),
  // In shares. Models trained by older versions have none.
  mean_volume: z.number().optional(),
  mean_prediction: z.number().optional(),
});
const scores = z.object({ all: group, by_decile: z.array(group) });

/** The part of metrics.json that the page draws: of all measuring rows, and by decile of vol_moving_avg. */
export type Scores = z.infer<typeof scores>;

/** What the page shows about the model in service. A field is null if there is nothing to show. */
export interface ModelReport {
  version: string | null;
  /** Why no model is in service, or why a newer one was refused. */
  fault: string | null;
  provenance: Record<string, string>;
  /** Markdown. */
  card: string | null;
  losses: Losses | null;
  scores: Scores | null;
  surface: Surface | null;
}

export async function reportModel(
  { current, fault }: Service,
  source: ModelSource | undefined,
): Promise<ModelReport> {
  if (!current)
    return {
      version: null,
      fault: fault ?? 'no model was promoted yet',
      provenance: {},
      card: null,
      losses: null,
      scores: null,
      surface: null,
    };
  const isInStore = source !== undefined && (await hasModel(source, current));
  const [card, losses, metrics] = await Promise.all([
    isInStore ? source.trainingFile(current.version, 'card.md') : undefined,
    isInStore ? source.trainingFile(current.version, 'losses.csv') : undefined,
    isInStore ? source.trainingFile(current.version, 'metrics.json') : undefined,
  ]);
  return {
    version: current.version,
    fault: fault ?? null,
    provenance: current.model.provenance,
    card: card ?? null,
    losses: losses === undefined ? null : readLosses(losses),
    scores: metrics === undefined ? null : readScores(metrics),
    surface: await surfaceOf(current),
  };
}

/** Whether the store's model for this date is the one in service: it may be newer, or damaged. */
async function hasModel(source: ModelSource, { model, version }: InService): Promise<boolean> {
  if (!(await source.dates()).includes(version)) return false;
  try {
    return encodeModel(decodeModel(await source.trained(version))).equals(encodeModel(model));
  } catch {
    return false;
  }
}

/** Parses metrics.json; null if it does not have these scores. */
export function readScores(metrics: string): Scores | null {
  try {
    return scores.parse(JSON.parse(metrics));
  } catch {
    return null;
  }
}

/** Parses losses.csv; null if it has no losses. */
export function readLosses(csv: string): Losses | null {
  const [training, validation]: [Point[], Point[]] = [[], []];
  for (const line of csv.split('\n').slice(1)) {
    const [step, , split, loss] = line.split(',');
    const point: Point = [Number(step), Number(loss)];
    if (!loss || !point.every(Number.isFinite)) continue;
    if (split === 'training') training.push(point);
    if (split === 'validation') validation.push(point);
  }
  return training.length + validation.length === 0
    ? null
    : { training: downsample(training), validation: downsample(validation) };
}

/** Replaces groups of consecutive points by their means. */
function downsample(points: Point[]): Point[] {
  const size = Math.ceil(points.length / MAX_POINTS) || 1;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size);
    const mean = (of: 0 | 1) => group.reduce((sum, point) => sum + point[of], 0) / group.length;
    return [mean(0), mean(1)];
  });
}
