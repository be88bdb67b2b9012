import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClosedResult, OpenResult } from './load-generator.ts';
import type { Pauses } from './machine-pauses.ts';
import { median } from './request-breakdown.ts';
import { drawBars, drawSteps } from './svg-plots.ts';

export const OURS = 'ours, 1 worker';
/** The same server, asked so that the fast path does not answer. */
export const OURS_SLOW = 'ours, 1 worker, without the fast path';
/** node:http with its default options, and with those of the server. */
export const PLAIN = 'node:http';
export const ALIKE = 'node:http, our options';

/** The results of bench/serving/serving-bench.ts. */
export interface Result {
  host: { cpu: string; cores: number; node: string; loadBefore: number };
  rounds: number;
  seconds: number;
  connections: number;
  model: string;
  closed: Record<string, ClosedResult[]>;
  /** At these shares of our maximum rate: ours and node:http with our options in turn. */
  open: { share: number; server: string; runs: OpenResult[] }[];
  /** Of this machine, when its cores are busy. */
  pauses: Pauses;
  /** Shares of the server's busy time under load, by part. */
  shares: Record<string, number>;
  /** Nanoseconds of parts alone. */
  alone: Record<string, number>;
  loading: { first: number; later: number; golden: number; bytes: number };
  /** Milliseconds. */
  start: number;
}

const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const;

/** The tables of bench/results/serving.md. */
export function formatServing(result: Result): string {
  const { host } = result;
  return `# Serving

${host.cores} cores, ${host.cpu}, Node ${host.node}; load average before ${host.loadBefore.toFixed(1)}. Model: ${result.model}. node:http answers the same bytes, headers included, once with
its default options, once with those of the server (serving/http/node-options.ts).

${formatRates(result)}
${formatLatencies(result)}
${formatBreakdown(result)}
![Requests a second by server](serving-rate.svg)

![Latency by percentile](serving-latency.svg)
`;
}

function formatRates({ rounds, seconds, connections, closed }: Result): string {
  /** The median over the rounds of the ratio within a round. */
  const ratio = (runs: ClosedResult[], peer: string) =>
    median(ratesOf(runs).map((rate, round) => rate / (closed[peer]?.[round]?.rate ?? Number.NaN))).toFixed(2);
  const rows = Object.entries(closed).map(([name, runs]) => {
    const rates = ratesOf(runs);
    const span = `${formatInteger(Math.min(...rates))} to ${formatInteger(Math.max(...rates))}`;
    const medianOf = (key: keyof ClosedResult, digits: number) =>
      median(runs.map((run) => run[key])).toFixed(digits);
    const cpu = `${medianOf('serverCpu', 2)} | ${medianOf('generatorCpu', 2)} | ${medianOf('cpuMicros', 1)}`;
    return `| ${name} | ${formatInteger(median(rates))} | ${span} | ${ratio(runs, PLAIN)} | ${ratio(runs, ALIKE)} | ${cpu} |`;
  });
  return `## Maximum rate
Closed loop: wrk, 1 thread, ${connections} connections, on the same host; ${rounds} rounds of ${seconds} s in turn, medians (min and max). CPU in cores.

| server | requests/s | min to max | of ${PLAIN} | of ${ALIKE} | server CPU | wrk CPU | server CPU µs a request |
|---|--:|--:|--:|--:|--:|--:|--:|
${rows.join('\n')}

Ratios are medians over the rounds of the ratio within a round.
`;
}

function formatLatencies({ rounds, seconds, open, pauses }: Result): string {
  const rows = open.map(({ share, server, runs }) => {
    const { rate, reached, percentiles, late } = summarize(runs);
    const times = PERCENTILES.map((name) => {
      const time = percentiles[name].toFixed(2);
      return name === 'p99' ? `${time} (${formatSpan(runs)})` : time;
    });
    return `| ${share * 100} % | ${server} | ${formatInteger(rate)} | ${formatInteger(reached)} | ${times.join(' | ')} | ${late.toFixed(2)} |`;
  });
  return `## Latency at a constant rate
Open loop: requests are due at equal intervals, even if earlier ones have no answer yet. Times start when a request was due
(no coordinated omission). Shares are of our maximum with 1 worker. ${ALIKE}, gets the same rates in turn, to show what the
machine adds. Medians of ${rounds} runs of ${seconds} s, of p99 also min and max; *max* and *min reached* are of all of them. *generator late* is the 99th percentile of the load generator's own delay, part of the times.

| of maximum | server | asked/s | min reached/s | ${PERCENTILES.map((name) => `${name} ms`).join(' | ')} | generator late ms |
|--:|---|--:|--:|${PERCENTILES.map(() => '--:|').join('')}--:|
${rows.join('\n')}

Afterwards each core ran a loop that only reads the clock, for ${rounds * seconds} s: ${(pauses.share * 100).toFixed(1)} % of the time was in pauses of over 1 ms. The
longest was ${pauses.longest.toFixed(1)} ms. The times above include such pauses.
`;
}

function formatBreakdown({ closed, shares, alone, loading, start }: Result): string {
  const micros = median((closed[OURS] ?? []).map(({ cpuMicros }) => cpuMicros));
  const underLoad = Object.entries(shares).map(
    ([part, share]) => `| ${part} | ${(share * 100).toFixed(1)} % | ${(share * micros).toFixed(2)} |`,
  );
  return `## Where the time of a request goes, under load
V8's sampling profiler in the server during a closed loop; µs are these shares of the ${micros.toFixed(1)} µs of CPU a request above.

| part | share | µs |
|---|--:|--:|
${underLoad.join('\n')}

| alone, warm | ns |
|---|--:|
${Object.entries(alone)
  .map(([part, ns]) => `| ${part} | ${formatInteger(ns)} |`)
  .join('\n')}

| model and process | ms |
|---|--:|
| model load: read, checksum, shapes, golden vectors (${formatInteger(loading.bytes)} bytes), the first time | ${loading.first.toFixed(2)} |
| the same once compiled | ${loading.later.toFixed(2)} |
| of which 25 golden vectors | ${loading.golden.toFixed(3)} |
| from the start of the process until it is ready to predict | ${start.toFixed(0)} |
`;
}

/** The two plots beside the tables. */
export function writePlots(folder: string, { closed, open }: Result): void {
  const bars = Object.entries(closed).map(([name, runs]): [string, number] => [name, median(ratesOf(runs))]);
  writeFileSync(join(folder, 'serving-rate.svg'), drawBars('Requests a second, closed loop', bars));
  const lines = open.map(({ share, server, runs }) => {
    const { percentiles } = summarize(runs);
    return { name: `${server} at ${share * 100} %`, values: PERCENTILES.map((name) => percentiles[name]) };
  });
  writeFileSync(
    join(folder, 'serving-latency.svg'),
    drawSteps('Latency in ms at shares of our maximum rate', [...PERCENTILES], lines),
  );
}

/** The minimum and maximum p99. */
function formatSpan(runs: OpenResult[]): string {
  const all = runs.map(({ percentiles }) => percentiles.p99);
  return `${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)}`;
}

/** The medians of the runs; the worst of `reached` and `max`. */
function summarize(runs: OpenResult[]): OpenResult {
  const of = (read: (run: OpenResult) => number) => median(runs.map(read));
  return {
    rate: of(({ rate }) => rate),
    reached: Math.min(...runs.map(({ reached }) => reached)),
    percentiles: {
      p50: of(({ percentiles }) => percentiles.p50),
      p90: of(({ percentiles }) => percentiles.p90),
      p99: of(({ percentiles }) => percentiles.p99),
      'p99.9': of(({ percentiles }) => percentiles['p99.9']),
      max: Math.max(...runs.map(({ percentiles }) => percentiles.max)),
    },
    late: of(({ late }) => late),
  };
}

function ratesOf(runs: ClosedResult[]): number[] {
  return runs.map(({ rate }) => rate);
}

function formatInteger(value: number): string {
  return Math.round(value).toLocaleString('en');
}
