import type { Metrics, ServingState } from '../metrics/metrics.ts';
import { Drift } from '../scoring/drift.ts';
import { ChampionError, createLoader, type ModelSource, prepare } from './model-source.ts';

type Log = (level: 'info' | 'error', message: string, fields?: Record<string, string>) => void;

/**
 * Keeps the newest usable champion in service, and the challenger beside it. An unusable model
 * never replaces a usable one.
 * @param shadow the setting SHADOW
 * @returns a function that checks the store once; it does not throw
 */
export function createChampionWatcher(
  source: ModelSource,
  { state, metrics, shadow }: { state: ServingState; metrics: Metrics; shadow: string },
  log: Log,
): () => Promise<void> {
  const load = createLoader(source);
  const checkChallenger = createChallengerWatcher(source, state, shadow, log);
  const { service } = state;
  /** What is wrong with the model in the store; kept while the store cannot be reached. */
  let storedFault: string | undefined;

  service.observe = (volMovingAvg, adjCloseRollingMed, prediction) => {
    state.rows++;
    state.drift?.observe(volMovingAvg, adjCloseRollingMed);
    state.shadow.observe(volMovingAvg, adjCloseRollingMed, prediction);
  };

  service.succeed = () => void state.requests++;

  return async () => {
    try {
      const loaded = await load();
      if (loaded) {
        const { next, championError } = loaded;
        service.current = next;
        storedFault = undefined;
        state.drift = new Drift(next.model.density);
        metrics.loads.inc({ outcome: 'success' });
        log('info', `serving the model as of ${next.version}`, { model: next.version });
        if (championError) rejectModel(championError);
      }
      service.fault = storedFault;
    } catch (error) {
      rejectModel(error as Error);
    }
    await checkChallenger();
  };

  function rejectModel(error: Error): void {
    const isOfChampion = error instanceof ChampionError;
    service.fault = isOfChampion ? error.message : `model.bin ${error.message}`;
    // An unreachable store says nothing about the model, and may be back at the next check.
    if (!('syscall' in error)) storedFault = service.fault;
    metrics.loads.inc({ outcome: 'failure', reason: isOfChampion ? 'champion.json' : 'model.bin' });
    const kept = service.current && `; the model as of ${service.current.version} stays in service`;
    log('error', `${service.fault}${kept ?? ''}; run the task promote again`);
  }
}

/** Returns a function that loads the challenger if it has changed. It does not throw. */
function createChallengerWatcher(
  source: ModelSource,
  { service, shadow }: ServingState,
  wanted: string,
  log: Log,
): () => Promise<void> {
  /** Date and stamp of the loaded challenger. */
  let loadedStamp: string | undefined;
  let lastError = '';

  return async () => {
    try {
      await loadChallenger();
    } catch (error) {
      const { message } = error as Error;
      // Each check tries again, but the same error is logged once.
      if (message !== lastError) log('error', `the challenger ${message}`);
      lastError = message;
    }
  };

  async function loadChallenger(): Promise<void> {
    if (wanted === 'off' || !service.current) return;
    const date = wanted === 'newest' ? (await source.dates()).at(-1) : wanted;
    const stamp =
      date && date !== service.current.version ? `${date} ${await source.trainedStamp(date)}` : undefined;
    if (stamp === loadedStamp) return;
    loadedStamp = undefined;
    shadow.challenger = undefined;
    if (!date || !stamp) return;
    try {
      shadow.challenger = prepare(await source.trained(date));
    } catch (error) {
      throw new Error(`${date}: ${(error as Error).message}`, { cause: error });
    }
    loadedStamp = stamp;
    lastError = '';
  }
}
