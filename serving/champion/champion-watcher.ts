import type { Metrics, Watched } from '../metrics/metrics.ts';
import { Drift } from '../scoring/drift.ts';
import { ChampionError, createLoader, type ModelSource, prepare } from './model-source.ts';

/** Loads models for as long as the process lives. A model that cannot be used never takes the place of one that can. */
export function createWatch(
  source: ModelSource,
  { watched, metrics, shadow }: { watched: Watched; metrics: Metrics; shadow: string },
  log: (level: 'info' | 'error', message: string, fields?: Record<string, string>) => void,
): () => Promise<void> {
  const load = createLoader(source);
  const { service } = watched;
  /** What is wrong with the model that lies there, as far as it could be read. */
  let verdict: string | undefined;
  /** The date and the stamp of the challenger that was loaded, and what was last wrong with one. */
  let challenger: string | undefined;
  let complaint = '';

  service.observe = (volMovingAvg, adjCloseRollingMed, prediction) => {
    watched.rows++;
    watched.drift?.observe(volMovingAvg, adjCloseRollingMed);
    watched.shadow.observe(volMovingAvg, adjCloseRollingMed, prediction);
  };

  service.succeed = () => void watched.requests++;

  return async () => {
    try {
      const found = await load();
      if (found) {
        const { next, doubt } = found;
        service.current = next;
        verdict = undefined;
        watched.drift = new Drift(next.model.density);
        metrics.loads.inc({ outcome: 'success' });
        log('info', `serving the model as of ${next.version}`, { model: next.version });
        if (doubt) refuse(doubt);
      }
      service.fault = verdict;
    } catch (error) {
      refuse(error as Error);
    }
    await challenge().catch(complain);
  };

  function refuse(error: Error): void {
    const isOfChampion = error instanceof ChampionError;
    service.fault = isOfChampion ? error.message : `model.bin ${error.message}`;
    // A store that cannot be reached says nothing of the model, and may be back at the next look.
    if (!('syscall' in error)) verdict = service.fault;
    metrics.loads.inc({ outcome: 'failure', reason: isOfChampion ? 'champion.json' : 'model.bin' });
    const kept = service.current && `; the model as of ${service.current.version} stays in service`;
    log('error', `${service.fault}${kept ?? ''}; run the task promote again`);
  }

  async function challenge(): Promise<void> {
    if (shadow === 'off' || !service.current) return;
    const date = shadow === 'newest' ? (await source.dates()).at(-1) : shadow;
    const wanted =
      date && date !== service.current.version ? `${date} ${await source.trainedStamp(date)}` : undefined;
    if (wanted === challenger) return;
    challenger = undefined;
    watched.shadow.challenger = undefined;
    if (!date || !wanted) return;
    try {
      watched.shadow.challenger = prepare(await source.trained(date));
    } catch (error) {
      throw new Error(`${date}: ${(error as Error).message}`, { cause: error });
    }
    challenger = wanted;
    complaint = '';
  }

  /** It is tried again at every look, but told of once. */
  function complain({ message }: Error): void {
    if (message !== complaint) log('error', `the challenger ${message}`);
    complaint = message;
  }
}
