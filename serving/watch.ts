import { ChampionError, createLoader, type ModelSource, prepare } from './champion.ts';
import { Drift } from './drift.ts';
import type { Metrics, Watched } from './metrics.ts';

/** Loads models for as long as the process lives. A model that cannot be used never takes the place of one that can. */
export function createWatch(
  source: ModelSource,
  { watched, metrics, shadow }: { watched: Watched; metrics: Metrics; shadow: string },
  log: (level: 'info' | 'error', message: string, fields?: Record<string, string>) => void,
): () => Promise<void> {
  const load = createLoader(source);
  const { service } = watched;
  /** The date of the challenger that was loaded, and what was last wrong with one. */
  let challenger: string | undefined;
  let complaint = '';

  service.observe = (average, median, prediction) => {
    watched.rows++;
    watched.drift?.observe(average, median);
    watched.shadow.observe(average, median, prediction);
  };

  service.succeed = () => void watched.requests++;

  return async () => {
    try {
      const found = await load();
      if (found) {
        const { next, doubt } = found;
        service.current = next;
        service.fault = undefined;
        watched.drift = new Drift(next.model.density);
        metrics.loads.inc({ outcome: 'success' });
        log('info', `serving the model as of ${next.version}`, { model: next.version });
        if (doubt) refuse(doubt);
      }
    } catch (error) {
      refuse(error as Error);
    }
    await challenge().catch(complain);
  };

  function refuse(error: Error): void {
    const isOfChampion = error instanceof ChampionError;
    service.fault = isOfChampion ? error.message : `model.bin ${error.message}`;
    metrics.loads.inc({ outcome: 'failure', reason: isOfChampion ? 'champion.json' : 'model.bin' });
    const kept = service.current && `; the model as of ${service.current.version} stays in service`;
    log('error', `${service.fault}${kept ?? ''}; run the task promote again`);
  }

  async function challenge(): Promise<void> {
    if (shadow === 'off' || !service.current) return;
    const date = shadow === 'newest' ? (await source.dates()).at(-1) : shadow;
    const wanted = date === service.current.version ? undefined : date;
    if (wanted === challenger) return;
    challenger = undefined;
    watched.shadow.challenger = undefined;
    if (!wanted) return;
    try {
      watched.shadow.challenger = prepare(await source.trained(wanted));
    } catch (error) {
      throw new Error(`${wanted}: ${(error as Error).message}`, { cause: error });
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
