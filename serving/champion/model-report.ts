import { decodeModel, encodeModel } from '../../model/model-file.ts';
import { type Surface, surfaceOf } from '../scoring/response-surface.ts';
import type { ModelSource } from './model-source.ts';
import type { InService, Service } from './service.ts';

/** A curve of more points than this is averaged down to them. */
const MOST_POINTS = 240;

/** Step and loss. */
type Point = [step: number, loss: number];

/** Losses by training step. */
export interface Losses {
  training: Point[];
  validation: Point[];
}

/** What the page shows of the model in service; null where there is none. */
export interface ModelReport {
  version: string | null;
  /** Why no model is in service, or why a newer one is not; null if nothing is wrong. */
  fault: string | null;
  provenance: Record<string, string>;
  /** Markdown. */
  card: string | null;
  losses: Losses | null;
  surface: Surface | null;
}

/** All there is to say of the model in service. */
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
      surface: null,
    };
  const isTrained = source !== undefined && (await isOfTraining(current, source));
  const [card, losses] = await Promise.all([
    isTrained ? source.modelReport(current.version, 'card.md') : undefined,
    isTrained ? source.modelReport(current.version, 'losses.csv') : undefined,
  ]);
  return {
    version: current.version,
    fault: fault ?? null,
    provenance: current.model.provenance,
    card: card ?? null,
    losses: losses === undefined ? null : readLosses(losses),
    surface: await surfaceOf(current),
  };
}

/** Whether the model that was trained for this date is the one in service: it may have been trained again since, or be damaged. */
async function isOfTraining({ model, version }: InService, source: ModelSource): Promise<boolean> {
  if (!(await source.dates()).includes(version)) return false;
  try {
    return encodeModel(decodeModel(await source.trained(version))).equals(encodeModel(model));
  } catch {
    return false;
  }
}

/** Reads losses.csv; null where it holds none. */
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
    : { training: thin(training), validation: thin(validation) };
}

function thin(points: Point[]): Point[] {
  const size = Math.ceil(points.length / MOST_POINTS) || 1;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size);
    const mean = (of: 0 | 1) => group.reduce((sum, point) => sum + point[of], 0) / group.length;
    return [mean(0), mean(1)];
  });
}
