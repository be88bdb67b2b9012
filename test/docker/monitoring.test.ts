import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeModel } from '../../model/model-file.ts';
import { ROOT, start } from '../support/command.ts';
import { deployFile, freePort, runTool, startTool, untilListening } from '../support/deployed.ts';
import { makeFolder } from '../support/fixtures.ts';
import { PREDICT_PATH, startServer } from '../support/test-server.ts';
import { addModel, constantModel } from '../support/tiny-model.ts';

const RULES = join(ROOT, 'docker/deploy/alerts.yml');

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

interface RuleGroups {
  groups: { rules: { name: string; query: string; health: string; lastError?: string }[] }[];
}

it('the alert rules pass the checks of promtool and fire for its example series', async () => {
  await runTool('promtool', ['check', 'rules', RULES]);
  await runTool('promtool', ['check', 'config', join(ROOT, 'docker/deploy/prometheus.yml')]);
  await runTool('promtool', ['test', 'rules', join(ROOT, 'test/docker/alert-cases.yml')]);
});

it('Prometheus scrapes a server and has data for each query of the rules and of the dashboard', async () => {
  const { url, port } = await startServer(storeWithChallenger(), { POLL_MS: '50' });
  const query = await startPrometheus(port);
  await query.until('up == 1');
  await sendTraffic(url);
  await query.until('model_input_drift_psi');
  await query.until('model_shadow_rows_total > 0');

  const { groups } = await query.api<RuleGroups>('rules');
  const rules = groups.flatMap(({ rules }) => rules);
  expect(rules.length).toBe(deployFile('alerts.yml').match(/- alert: /g)?.length);
  expect(rules.filter(({ health, lastError }) => health !== 'ok' || lastError)).toEqual([]);
  const metrics = new Set(rules.flatMap(({ query }) => metricsOf(query)));
  expect(metrics.size).toBeGreaterThanOrEqual(8);
  const unknown: string[] = [];
  for (const metric of metrics) if ((await query.run(metric)) === 0) unknown.push(metric);
  expect(unknown).toEqual([]);

  const { panels } = JSON.parse(deployFile('grafana-dashboard.json')) as Dashboard;
  expect(panels.length).toBeGreaterThan(10);
  const empty: string[] = [];
  for (const { title, targets } of panels)
    for (const { expr } of targets) {
      const text = expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
      if ((await query.run(text)) === 0) empty.push(`${title}: ${text}`);
    }
  expect(empty).toEqual([]);
});

it('promtool finds nothing wrong with the metrics of the server, which start at 0', async () => {
  for (const environment of [{ WORKERS: '1' }, { WORKERS: '2' }]) {
    const { url } = await startServer(storeWithChallenger(), environment);
    const text = await (await fetch(`${url}/metrics`)).text();
    const file = join(makeFolder(), 'metrics');
    writeFileSync(file, text);
    const { stdout, stderr } = await start('sh', ['-c', `promtool check metrics <${file}`]).ended;
    // prom-client's own metrics of the process: three gauges end in _total.
    expect((stdout + stderr).split('\n').filter((line) => line && !line.startsWith('nodejs_'))).toEqual([]);

    const zeros = text.match(/^(http|model)_\S+ 0$/gm)?.map((line) => line.replace(/ 0$/, '')) ?? [];
    for (const [method, route] of [
      ['GET', '/predict'],
      ['POST', '/predict'],
      ['POST', '/v2/models/:name/infer'],
    ])
      for (const status of [200, 400, 500, 503])
        expect(zeros).toContain(
          `http_server_request_duration_seconds_count{http_request_method="${method}",http_route="${route}",http_response_status_code="${status}"}`,
        );
    expect(zeros).toContain('model_loads_total{outcome="failure",reason="model.bin"}');
    expect(zeros).toContain('model_loads_total{outcome="failure",reason="champion.json"}');
    expect(zeros).toContain('model_shadow_rows_total{model_version="2021-01-01"}');
    expect(zeros).toContain('http_server_answers_cut_off_total{cause="server_error"}');
    expect(zeros).toContain('model_infer_rows_total');
    expect(text).toMatch(/^http_server_active_requests [12]$/m);
  }
});

/** The names of the metrics in a query that Prometheus has formatted. */
function metricsOf(query: string): string[] {
  return query.match(/\b(up|(http_server|model|process|nodejs)_\w+)(?=\{)/g) ?? [];
}

/** A store with a champion that doubles, and a challenger. */
function storeWithChallenger(): string {
  const store = makeFolder();
  writeFileSync(join(store, 'model.bin'), encodeModel(constantModel([Math.LN2, 0, 0])));
  addModel(store, [Math.log(3), 0, 0], '2021-01-01');
  return store;
}

/** Sends a request of each kind that a panel shows, and as many rows as the drift index needs. */
async function sendTraffic(url: string): Promise<void> {
  const post = (path: string, body: unknown) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const row = { vol_moving_avg: 999, adj_close_rolling_med: 1 };
  const tensor = (name: string) => ({ name, shape: [1], datatype: 'FP64', data: [1] });
  expect((await fetch(url + PREDICT_PATH)).status).toBe(200);
  expect((await post('/predict', { instances: new Array(11_000).fill(row) })).status).toBe(200);
  const inputs = [tensor('vol_moving_avg'), tensor('adj_close_rolling_med')];
  expect((await post('/v2/models/volume/infer', { inputs })).status).toBe(200);
}

/** Starts Prometheus with docker/deploy/prometheus.yml and the alert rules, for a server at this port. */
async function startPrometheus(serverPort: number) {
  const folder = makeFolder();
  const port = await freePort();
  const config = deployFile('prometheus.yml', {
    '127.0.0.1:3000': `127.0.0.1:${serverPort}`,
    'scrape_interval: 15s': 'scrape_interval: 250ms',
    'evaluation_interval: 15s': 'evaluation_interval: 250ms',
    'rule_files: [alerts.yml]': `rule_files: [${RULES}]`,
  });
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, config);
  const running = startTool(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    'SIGKILL',
  );
  await untilListening(running, port);

  async function api<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
  /** How many series a query returns. */
  const run = async (query: string) =>
    (await api<{ result: unknown[] }>(`query?${new URLSearchParams({ query })}`)).result.length;
  return {
    ...{ api, run },
    until: (query: string) => expect.poll(() => run(query), { timeout: 20_000 }).toBeGreaterThan(0),
  };
}
