/**
 * Runs the server for ten minutes at a constant moderate rate, with every kind of request, while
 * champions are promoted. No request may fail, and the server's memory must not grow. MINUTES and
 * RATE change the test.
 */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import { encodeModel } from '../../model/model-file.ts';
import { constantModel } from '../../test/support/tiny-model.ts';
import { startServer } from './server-processes.ts';
import { drawLines } from './svg-plots.ts';

/** In a shorter run the server still warms up, so that its memory is not judged. */
const FULL_MINUTES = 10;
const MINUTES = Number(process.env.MINUTES || FULL_MINUTES);
const RATE = Number(process.env.RATE || 2_000);
const PROMOTE_SECONDS = 3;
const SAMPLE_SECONDS = 2;
/** MiB a minute in the last half: 9 bytes for each request at 2,000 a second. */
const MAX_GROWTH = 1;
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const ARROW = 'application/vnd.apache.arrow.stream';
const ROWS = 100;

// One model doubles 1 + vol_moving_avg and the other triples it. So the version in an answer tells
// the expected prediction.
const RATIOS: Record<string, number> = { '2020-01-02': 2, '2020-01-03': 3 };
const models = Object.entries(RATIOS).map(([asOf, ratio]) =>
  encodeModel(constantModel([Math.log(ratio), 0, 0], asOf)),
);

interface Kind {
  name: string;
  /** Per cent of the requests. */
  share: number;
  method: string;
  path: string;
  type?: string;
  body?: Uint8Array;
  /** Reads one prediction for vol_moving_avg=999 from an answer. The page has none. */
  read?(body: Buffer): number;
}

const PREDICT_PATH = '/predict?vol_moving_avg=999&adj_close_rolling_med=25';
const row = { vol_moving_avg: 999, adj_close_rolling_med: 25 };
const table = tableFromArrays({
  vol_moving_avg: new Float64Array(ROWS).fill(999),
  adj_close_rolling_med: new Float64Array(ROWS).fill(25),
});
const tensor = ([name, value]: [string, number]) => ({
  ...{ name, shape: [ROWS], datatype: 'FP64', data: Array(ROWS).fill(value) },
});
const KINDS: Kind[] = [
  { name: 'GET', share: 65, method: 'GET', path: PREDICT_PATH, read: (body) => Number(body) },
  {
    ...{ name: 'GET detail=1', share: 13, method: 'GET', path: `${PREDICT_PATH}&detail=1` },
    read: (body) => JSON.parse(String(body)).prediction,
  },
  {
    ...{ name: `JSON, ${ROWS} rows`, share: 10, method: 'POST', path: '/predict', type: 'application/json' },
    body: Buffer.from(JSON.stringify({ instances: Array(ROWS).fill(row) })),
    read: (body) => JSON.parse(String(body)).predictions[ROWS - 1].prediction,
  },
  {
    ...{ name: `Arrow, ${ROWS} rows`, share: 5, method: 'POST', path: '/predict', type: ARROW },
    body: tableToIPC(table, 'stream'),
    read: (body) =>
      Number(
        tableFromIPC(body)
          .getChild('prediction')
          ?.get(ROWS - 1),
      ),
  },
  {
    ...{ name: `v2 infer, ${ROWS} rows`, share: 5, method: 'POST', path: '/v2/models/volume/infer' },
    ...{
      type: 'application/json',
      body: Buffer.from(JSON.stringify({ inputs: Object.entries(row).map(tensor) })),
    },
    read: (body) => JSON.parse(String(body)).outputs[0].data[ROWS - 1],
  },
  { name: 'the page', share: 2, method: 'GET', path: '/' },
];
const PATTERN = KINDS.flatMap((kind) => Array<Kind>(kind.share).fill(kind));

const store = mkdtempSync(join(tmpdir(), 'soak-'));
promote(models[0] as Buffer);
const server = await startServer(process.execPath, ['serving/server.ts'], { STORE: store, POLL_MS: '500' });
try {
  const { samples, counts, promotions, failures } = await soak(server.url);
  const growth = slopeOf(samples.slice(samples.length >> 1));
  const result = {
    ...{
      minutes: MINUTES,
      rate: RATE,
      counts,
      promotions,
      failures: failures.length,
      growth,
      maxGrowth: MAX_GROWTH,
    },
    samples: samples.map(([seconds, mib]) => [Math.round(seconds), Math.round(mib)]),
  };
  const text = formatSoak(result);
  const isFullLength = MINUTES >= FULL_MINUTES;
  if (isFullLength) {
    writeFileSync(join(RESULTS, 'soak.json'), `${JSON.stringify(result)}\n`);
    writeFileSync(join(RESULTS, 'soak.md'), text);
    writeFileSync(
      join(RESULTS, 'soak.svg'),
      drawLines('Memory of the server (MiB) by minute', [
        { name: 'RSS', points: samples.map(([seconds, mib]) => [seconds / 60, mib]) },
      ]),
    );
  }
  process.stdout.write(text);
  if (!isFullLength)
    process.stdout.write(
      `In under ${FULL_MINUTES} minutes memory is not judged and no results are written.\n`,
    );
  const reasons = [
    ...(failures.length > 0 ? [`${failures.length} failed requests, the first: ${failures[0]}`] : []),
    ...(isFullLength && growth > MAX_GROWTH ? [`memory grew ${growth.toFixed(2)} MiB a minute`] : []),
  ];
  if (reasons.length > 0) {
    process.stderr.write(`soak: ${reasons.join('; ')}\n`);
    process.exitCode = 1;
  }
} finally {
  await server.stop();
  rmSync(store, { recursive: true });
}

async function soak(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  const samples: [seconds: number, mib: number][] = [];
  const total = MINUTES * 60 * RATE;
  const start = performance.now();
  let [sent, done, promotions, sampled] = [0, 0, 0, 0];
  while (done < total) {
    const seconds = (performance.now() - start) / 1_000;
    for (; sent < total && sent < seconds * RATE; sent++) {
      const kind = PATTERN[(sent * 37) % PATTERN.length] as Kind;
      counts[kind.name] = (counts[kind.name] ?? 0) + 1;
      send(url, agent, kind)
        .catch((error: Error) => failures.push(`${kind.name}: ${error.message}`))
        .finally(() => done++);
    }
    if (seconds > (promotions + 1) * PROMOTE_SECONDS && sent < total) {
      const bytes = models[++promotions % 2] as Buffer;
      promote(promotions % 10 === 9 ? bytes.subarray(0, -1) : bytes);
    }
    if (seconds > sampled * SAMPLE_SECONDS) {
      samples.push([seconds, residentMib()]);
      sampled++;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  agent.destroy();
  return { samples, counts, promotions, failures };
}

/** Sends a request. Rejects if the answer is not the prediction of the model that it names. */
function send(url: string, agent: Agent, { method, path, type, body, read }: Kind): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { ...(type && { 'content-type': type }), ...(body && { 'content-length': body.length }) };
    const sent = request(url + path, { agent, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(chunks);
        const expected = 1_000 * (RATIOS[String(response.headers['x-model-version'])] ?? Number.NaN) - 1;
        const isCorrect = read ? read(answer) === expected : answer.includes('</html>');
        if (response.statusCode === 200 && isCorrect) resolve();
        else reject(new Error(`${response.statusCode} ${answer.subarray(0, 200)}, not ${expected}`));
      });
    });
    sent.on('error', reject).end(body);
  });
}

function promote(bytes: Buffer): void {
  writeFileSync(join(store, 'next'), bytes);
  renameSync(join(store, 'next'), join(store, 'model.bin'));
}

function residentMib(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** The least-squares slope of the samples, in MiB a minute. */
function slopeOf(samples: [seconds: number, mib: number][]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(([seconds]) => seconds)), mean(samples.map(([, mib]) => mib))];
  const [above, below] = [
    mean(samples.map(([seconds, mib]) => (seconds - x) * (mib - y))),
    mean(samples.map(([seconds]) => (seconds - x) ** 2)),
  ];
  return (60 * above) / below;
}

function formatSoak(result: {
  minutes: number;
  rate: number;
  counts: Record<string, number>;
  promotions: number;
  failures: number;
  growth: number;
  samples: number[][];
}): string {
  const { minutes, rate, counts, promotions, failures, growth, samples } = result;
  const half = samples.slice(samples.length >> 1).map(([, mib]) => mib as number);
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return `# Soak

${minutes} minutes at ${rate} requests a second, with ${promotions} promotions, a tenth of them of a corrupt model. Every answer was checked
against the model version that it names.

| requests | sent |
|---|--:|
${Object.entries(counts)
  .map(([name, count]) => `| ${name} | ${count} |`)
  .join('\n')}
| all | ${all} |
| failed or wrong | ${failures} |

Memory (RSS) in the last half: ${Math.min(...half)} to ${Math.max(...half)} MiB, ${growth.toFixed(2)} MiB a minute by least squares; ${MAX_GROWTH} is allowed.

![Memory by minute](soak.svg)
`;
}
