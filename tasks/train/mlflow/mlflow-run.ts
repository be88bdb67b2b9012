import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../lib/log.ts';
import type { Loss } from '../losses/loss-log.ts';
import type { AbandonedRun } from './kill-run.ts';
import {
  callMlflow,
  connectionTo,
  hasErrorCode,
  type MlflowConnection,
  type MlflowServer,
} from './mlflow-client.ts';

/** How a run appears in MLflow. */
export interface MlflowRunDescription {
  name: string;
  params: Record<string, string>;
  tags: Record<string, string>;
}

/** MLflow's limit for one request. */
const MAX_METRICS = 1_000;
/** A task must exit within 3 s after SIGTERM. */
const KILL_TIMEOUT_MS = 1_500;
const NOT_RECORDED = 'MLflow does not record this run; training goes on';
const KILL_RUN = fileURLToPath(new URL('kill-run.ts', import.meta.url));

interface Metric {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

/**
 * Does some work within an MLflow run. The run ends as FINISHED, as FAILED when the work throws, or
 * as KILLED when the process exits before. Without a server there is no run; with an address that
 * is not valid there is none either, and a warning.
 */
export async function withMlflowRun<T>(
  server: MlflowServer | undefined,
  description: MlflowRunDescription,
  log: Logger,
  work: (run: MlflowRun | undefined) => Promise<T>,
): Promise<T> {
  let run: MlflowRun | undefined;
  try {
    run = server && new MlflowRun(server, description, log);
  } catch (error) {
    log.warn(NOT_RECORDED, { reason: (error as Error).message });
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
 * A run in MLflow, through its REST API. Metrics are sent in batches while training goes on.
 * Training never fails because of MLflow: the first failure is logged as a warning, and after it
 * only the run's final status is sent.
 */
class MlflowRun {
  readonly #connection: MlflowConnection;
  readonly #log: Logger;
  #waiting: Metric[] = [];
  #sending: Promise<void>;
  #isIdle = true;
  /** A tag that finds a run which MLflow has created, but has not answered with yet. */
  readonly #token = randomUUID();
  #experimentId = '';
  #runId = '';
  #hasFailed = false;

  /** Starts to create the run, without waiting. @throws Error when the address is not valid */
  constructor(server: MlflowServer, description: MlflowRunDescription, log: Logger) {
    this.#connection = connectionTo(server);
    this.#log = log;
    this.#sending = this.#try(() => this.#create(server.experiment, description));
  }

  /** A LossListener. */
  readonly logLoss = ({ split, step, loss }: Loss): void => {
    this.logMetric(`${split}_loss`, loss, step);
  };

  logMetric(key: string, value: number, step = 0): void {
    if (this.#hasFailed || !Number.isFinite(value)) return;
    this.#waiting.push({ key, value, timestamp: Date.now(), step });
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#sending = this.#sending.then(() => this.#sendWaiting());
  }

  /** Sends the waiting metrics and closes the run, even where some could not be sent. */
  async end(status: 'FINISHED' | 'FAILED'): Promise<void> {
    await this.#sending;
    await this.#sendWaiting();
    if (this.#runId === '') return;
    const body = { run_id: this.#runId, status, end_time: Date.now() };
    await callMlflow(this.#connection, 'runs/update', body).catch((error) => this.#fail(error));
  }

  /** Closes the run while the process exits. Waiting metrics are lost. */
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

  async #create(experiment: string, { name, params, tags }: MlflowRunDescription): Promise<void> {
    this.#experimentId = await this.#findExperiment(experiment);
    const { run } = await callMlflow<{ run: { info: { run_id: string } } }>(this.#connection, 'runs/create', {
      experiment_id: this.#experimentId,
      run_name: name,
      start_time: Date.now(),
      tags: toKeyValues({ ...tags, run_token: this.#token }),
    });
    this.#runId = run.info.run_id;
    await callMlflow(this.#connection, 'runs/log-batch', {
      run_id: this.#runId,
      params: toKeyValues(params),
    });
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
      if (!hasErrorCode(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    try {
      return (await callMlflow<{ experiment_id: string }>(this.#connection, 'experiments/create', { name }))
        .experiment_id;
    } catch (error) {
      // Another run created it in between.
      if (!hasErrorCode(error, 'RESOURCE_ALREADY_EXISTS')) throw error;
      return find();
    }
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#hasFailed) {
      const metrics = this.#waiting.splice(0, MAX_METRICS);
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
    this.#log.warn(NOT_RECORDED, { mlflow: this.#connection.api, reason });
  }
}

function toKeyValues(values: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}
