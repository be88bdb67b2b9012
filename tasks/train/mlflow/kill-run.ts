import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, callMlflow } from './mlflow-client.ts';

/** A run in MLflow that nobody will go on with. */
export interface AbandonedRun {
  connection: Connection;
  experimentId: string;
  /** Empty where MLflow has not said yet. */
  runId: string;
  /** What its tag `run_token` says, and no other run's. */
  token: string;
}

/** Closes a run as KILLED, in a process of its own: the one that made it is about to exit and cannot wait for answers. */
export async function killRun(run: AbandonedRun): Promise<void> {
  const run_id = run.runId || (await findRun(run));
  if (run_id)
    await callMlflow(run.connection, 'runs/update', { run_id, status: 'KILLED', end_time: Date.now() });
}

/** Waits a second for the run, since MLflow may be about to make it. */
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
