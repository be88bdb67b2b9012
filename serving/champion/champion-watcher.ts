import type { Metrics, Watched } from '../metrics/metrics.ts';
import { Drift } from '../scoring/drift.ts';
import { ChampionError, createLoader, type ModelSource, prepare } from './model-source.ts';

/**
 * Keeps the newest usable champion in service, and the challenger beside it. An unusable model never replaces a usable one.
 * @returns a function that checks the store once; it does not throw
 */
export function createChampionWatcher(
  source: ModelSource,
  { watched, metrics, shadow }: { watched: Watched; metrics: Metrics; shadow: string },
  log: (level: 'info' | 'error', message: string, fields?: Record<string, string>) => void,
): () => Promise<void> {
  const load = createLoader(source);
  const { service } = watched;
  /** What is wrong with the model in the store; kept while the store cannot be reached. */
  let verdict: string | undefined;
  /** Date and stamp of the loaded challenger. */
  let loadedChallenger: string | undefined;
  let lastChallengerError = '';

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
        if (doubt) rejectModel(doubt);
      }
      service.fault = verdict;
    } catch (error) {
      rejectModel(error as Error);
    }
    await loadChallenger().catch(logChallengerError);
  };

  function rejectModel(error: Error): void {
    const isOfChampion = error instanceof ChampionError;
    service.fault = isOfChampion ? error.message : `model.bin ${error.message}`;
    // An unreachable store says nothing about the model, and may be back at the next check.
    if (!('syscall' in error)) verdict = service.fault;
    metrics.loads.inc({ outcome: 'failure', reason: isOfChampion ? 'champion.json' : 'model.bin' });
    const kept = service.current && `; the model as of ${service.current.version} stays in service`;
    log('error', `${service.fault}${kept ?? ''}; run the task promote again`);
  }

  async function loadChallenger(): Promise<void> {
    if (shadow === 'off' || !service.current) return;
    const date = shadow === 'newest' ? (await source.dates()).at(-1) : shadow;
    const wanted =
      date && date !== service.current.version ? `${date} ${await source.trainedStamp(date)}` : undefined;
    if (wanted === loadedChallenger) return;
    loadedChallenger = undefined;
    watched.shadow.challenger = undefined;
    if (!date || !wanted) return;
    try {
      watched.shadow.challenger = prepare(await source.trained(date));
    } catch (error) {
      throw new Error(`${date}: ${(error as Error).message}`, { cause: error });
    }
    loadedChallenger = wanted;
    lastChallengerError = '';
  }

  /** Each check tries again, but the same error is logged once. */
  function logChallengerError({ message }: Error): void {
    if (message !== lastChallengerError) log('error', `the challenger ${message}`);
    lastChallengerError = message;
  }
}
