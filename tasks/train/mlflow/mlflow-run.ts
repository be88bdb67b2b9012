import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../lib/log.ts';
import type { Loss } from '../losses/loss-log.ts';
import type { AbandonedRun } from './kill-run.ts';
import { type Connection, callMlflow, connectionOf, isCode, type MlflowServer } from './mlflow-client.ts';

/** What a run is known by in MLflow. */
export interface RunDescription {
  name: string;
  params: Record<string, string>;
  tags: Record<string, string>;
}

/** MLflow takes at most so many metrics in one request. */
const BATCH = 1_000;
/** Told to stop, a task has 3 s. */
const KILL_TIMEOUT_MS = 1_500;
const KILL_RUN = fileURLToPath(new URL('kill-run.ts', import.meta.url));

interface Metric {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

/**
 * Runs `work` with a run of MLflow that is FINISHED or FAILED as the work is, or KILLED when the process exits before;
 * without one where no server is given, or its address is of no use, which is warned of.
 */
export async function recordRun<T>(
  server: MlflowServer | undefined,
  description: RunDescription,
  log: Logger,
  work: (run: MlflowRun | undefined) => Promise<T>,
): Promise<T> {
  let run: MlflowRun | undefined;
  try {
    run = server && new MlflowRun(server, description, log);
  } catch (error) {
    log.warn('MLflow does not get this run; training goes on', { reason: (error as Error).message });
  }
  const kill = () => run?.kill();
  process.once('exit', kill);
  let status: 'FINISHED' | 'FAILED' = 'FAILED';
  try {
    const result = await work(run);
    status = 'FINISHED';
    return result;
  } finally {
    await run?.end(status);
    process.off('exit', kill);
  }
}

/**
 * A run in MLflow, by its REST API. Losses are sent a batch after the other while training goes on. Training never fails
 * because of MLflow: the first failure is warned of, and nothing more is sent but how the run ended.
 */
class MlflowRun {
  readonly #connection: Connection;
  readonly #log: Logger;
  #waiting: Metric[] = [];
  #sending: Promise<void>;
  #isIdle = true;
  /** By which a run can be found that MLflow has made, but not yet told of. */
  readonly #token = randomUUID();
  #experimentId = '';
  #runId = '';
  #hasFailed = false;

  /** Starts to make the run, without waiting for it. @throws Error when the address is no http address */
  constructor(server: MlflowServer, description: RunDescription, log: Logger) {
    this.#connection = connectionOf(server);
    this.#log = log;
    this.#sending = this.#try(() => this.#create(server.experiment, description));
  }

  /** A reader of losses. */
  readonly add = ({ split, step, loss }: Loss): void => {
    this.addMetric(`${split}_loss`, loss, step);
  };

  addMetric(key: string, value: number, step = 0): void {
    if (this.#hasFailed || !Number.isFinite(value)) return;
    this.#waiting.push({ key, value, timestamp: Date.now(), step });
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#sending = this.#sending.then(() => this.#sendWaiting());
  }

  /** Sends what waits, and closes the run, also one of which not all could be sent. */
  async end(status: 'FINISHED' | 'FAILED'): Promise<void> {
    await this.#sending;
    await this.#sendWaiting();
    if (this.#runId === '') return;
    const body = { run_id: this.#runId, status, end_time: Date.now() };
    await callMlflow(this.#connection, 'runs/update', body).catch((error) => this.#fail(error));
  }

  /** Closes the run while the process exits: without waiting for what is being sent, by another process, and briefly. */
  kill(): void {
    if (this.#runId === '' && (this.#hasFailed || this.#experimentId === '')) return;
    const run: AbandonedRun = {
      connection: this.#connection,
      experimentId: this.#experimentId,
      runId: this.#runId,
      token: this.#token,
    };
    spawnSync(process.execPath, [KILL_RUN], {
      input: JSON.stringify(run),
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: KILL_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
  }

  async #create(experiment: string, { name, params, tags }: RunDescription): Promise<void> {
    this.#experimentId = await this.#findExperiment(experiment);
    const { run } = await callMlflow<{ run: { info: { run_id: string } } }>(this.#connection, 'runs/create', {
      experiment_id: this.#experimentId,
      run_name: name,
      start_time: Date.now(),
      tags: pairs({ ...tags, run_token: this.#token }),
    });
    this.#runId = run.info.run_id;
    await callMlflow(this.#connection, 'runs/log-batch', { run_id: this.#runId, params: pairs(params) });
  }

  async #findExperiment(name: string): Promise<string> {
    const find = async () => {
      const query = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
      return (await callMlflow<{ experiment: { experiment_id: string } }>(this.#connection, query)).experiment
        .experiment_id;
    };
    try {
      return await find();
    } catch (error) {
      if (!isCode(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    try {
      return (await callMlflow<{ experiment_id: string }>(this.#connection, 'experiments/create', { name }))
        .experiment_id;
    } catch (error) {
      // Another run made it just now.
      if (!isCode(error, 'RESOURCE_ALREADY_EXISTS')) throw error;
      return find();
    }
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#hasFailed) {
      const metrics = this.#waiting.splice(0, BATCH);
      await this.#try(() => callMlflow(this.#connection, 'runs/log-batch', { run_id: this.#runId, metrics }));
    }
    this.#isIdle = true;
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    if (this.#hasFailed) return;
    await work().catch((error) => this.#fail(error));
  }

  #fail({ message, cause }: Error): void {
    this.#waiting = [];
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    this.#log.warn('MLflow does not get this run; training goes on', {
      mlflow: this.#connection.api,
      reason,
    });
  }
}

function pairs(values: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}
