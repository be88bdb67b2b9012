import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { callMlflow, type MlflowConnection } from './mlflow-client.ts';

/** An MLflow run whose process is exiting. */
export interface AbandonedRun {
  connection: MlflowConnection;
  experimentId: string;
  /** Empty where MLflow has not answered with it yet. */
  runId: string;
  /** The value of the run's tag `run_token`, which no other run has. */
  token: string;
}

/** Closes a run as KILLED, in a separate process: the exiting one cannot wait for answers. */
export async function killRun(run: AbandonedRun): Promise<void> {
  const run_id = run.runId || (await findRun(run));
  if (run_id)
    await callMlflow(run.connection, 'runs/update', { run_id, status: 'KILLED', end_time: Date.now() });
}

/** Waits up to a second for the run, since MLflow may be about to create it. */
async function findRun({ connection, experimentId, token }: AbandonedRun): Promise<string | undefined> {
  for (const deadline = Date.now() + 1_000; Date.now() < deadline; await sleep(50)) {
    const { runs } = await callMlflow<{ runs?: { info: { run_id: string } }[] }>(connection, 'runs/search', {
      experiment_ids: [experimentId],
      filter: `tags.run_token = '${token}'`,
    });
    if (runs?.[0]) return runs[0].info.run_id;
  }
  return undefined;
}

if (import.meta.main) await killRun(JSON.parse(readFileSync(0, 'utf8')));
