import { createHash } from 'node:crypto';

/**
 * The model file and its arithmetic. What training writes and serving reads meets here, so nothing native may be
 * imported: two numbers in; a point and three quantiles of the trading volume out.
 */

/** The lower, middle and upper quantile that the model predicts. */
export const QUANTILES = [0.1, 0.5, 0.9] as const;

/** What a network puts out: p50, the raw distances to p10 and p90, and the point. */
export const OUTPUTS = QUANTILES.length + 1;

const FORMAT = 'stock-market-pipeline/3';
/** The format before: one offset for each end, wherever vol_moving_avg is. It is still read, so that a champion stays in service. */
const FORMAT_2 = 'stock-market-pipeline/2';

const DATE = /^\d{4}-\d\d-\d\d$/;

/** A cell of the density with a smaller share of the training rows than this counts as unknown. */
const LEAST_SHARE = 1e-5;

/** How far a golden vector may be from what this program computes: processors' tanh and exp differ in the last digits. */
const GOLDEN_TOLERANCE = 1e-9;

/** A fully connected layer: `kernel` has the shape [inputs, outputs] in row-major order, `bias` [outputs]. */
export interface Dense {
  kernel: Float32Array;
  bias: Float32Array;
}

/** How an input is scaled: clipped to [min, max], then (x - mean) / deviation; all in log units. */
export interface Scale {
  min: number;
  max: number;
  mean: number;
  deviation: number;
}

/** Where the training rows lie: the shares of them in the cells of a fixed grid over the two inputs in log units. */
export interface Density {
  /** Inner edges, ascending; n edges part n + 1 cells. */
  averageEdges: number[];
  medianEdges: number[];
  /** Of shape [averageEdges.length + 1, medianEdges.length + 1], row-major; adds up to 1. */
  shares: Float32Array;
}

/**
 * By how much calibration moves p10 down and p90 up, in log units, at some places of logVolume(vol_moving_avg): on a straight
 * line in between, and beyond the first and last as there.
 */
export interface Offsets {
  /** Ascending. */
  at: number[];
  down: number[];
  up: number[];
}

/** A model as it lies in model.bin. */
export interface Model {
  /** Hidden layers with tanh, then one without, whose outputs are p50, the raw distances to p10 and p90, and the point. */
  layers: Dense[];
  /** For logVolume and signedLog, in this order. */
  scales: [Scale, Scale];
  offsets: Offsets;
  density: Density;
  /** The day before which all training rows lie: YYYY-MM-DD. */
  asOf: string;
  /** Whatever else is worth knowing of its making. */
  provenance: Record<string, string>;
}

/** Trading volumes in shares, p10 <= p50 <= p90 and p10 <= point <= p90, none negative or beyond 2^53 - 1. */
export interface Prediction {
  /** The best single answer: near the mean of logarithms for small averages, and the median for large ones. */
  point: number;
  p10: number;
  p50: number;
  p90: number;
}

/** A model file that cannot be used. */
export class ModelError extends Error {}

/**
 * Predicts a day's trading volume.
 * @param volumeAverage vol_moving_avg in shares, >= 0
 * @param priceMedian adj_close_rolling_med in the price's currency, of any sign
 */
export function predict(
  { layers, scales, offsets }: Model,
  volumeAverage: number,
  priceMedian: number,
): Prediction {
  const logAverage = logVolume(volumeAverage);
  let signal = [scale(logAverage, scales[0]), scale(signedLog(priceMedian), scales[1])];
  for (const [index, layer] of layers.entries()) {
    signal = apply(layer, signal);
    if (index < layers.length - 1) signal = signal.map(Math.tanh);
  }
  const place = clip(logAverage, scales[0]);
  const down = interpolate(place, offsets.at, offsets.down);
  const up = interpolate(place, offsets.at, offsets.up);
  const [p10, p50, p90, point] = logRatios(signal, down, up).map((logRatio) =>
    Math.min(Math.max(0, Math.expm1(logAverage + logRatio)), Number.MAX_SAFE_INTEGER),
  );
  return { point, p10, p50, p90 } as Prediction;
}

/**
 * The place in a density's shares of the cell into which inputs fall; a cell begins with its lower edge.
 * @param logAverage logVolume of vol_moving_avg @param logMedian signedLog of adj_close_rolling_med
 */
export function cellOf(
  logAverage: number,
  logMedian: number,
  { averageEdges, medianEdges }: Omit<Density, 'shares'>,
): number {
  return countBelow(averageEdges, logAverage) * (medianEdges.length + 1) + countBelow(medianEdges, logMedian);
}

/** Whether training saw rows like these: each input within its range, and enough rows in the cell of both. */
export function isInDomain({ scales, density }: Model, volumeAverage: number, priceMedian: number): boolean {
  const inputs = [logVolume(volumeAverage), signedLog(priceMedian)] as const;
  const isWithin = scales.every(({ min, max }, index) => {
    // The bounds were taken from inputs of single precision.
    const x = Math.fround(inputs[index] as number);
    return x >= min && x <= max;
  });
  return isWithin && (density.shares[cellOf(...inputs, density)] as number) >= LEAST_SHARE;
}

function countBelow(edges: number[], x: number): number {
  let count = 0;
  while (count < edges.length && x >= (edges[count] as number)) count++;
  return count;
}

/** The volume in log units: ln(1 + shares). */
export function logVolume(volume: number): number {
  return Math.log1p(volume);
}

/** The sign of x times ln(1 + |x|). */
export function signedLog(x: number): number {
  return Math.sign(x) * Math.log1p(Math.abs(x));
}

/**
 * p10, p50, p90 and the point of ln(1 + Volume) - ln(1 + vol_moving_avg). p10 and p90 lie a softplus away from p50, and calibration
 * moves them no further than to p50, so they cannot cross.
 */
function logRatios(
  [middle = 0, below = 0, above = 0, point = 0]: number[],
  down: number,
  up: number,
): [number, number, number, number] {
  const low = Math.min(middle - softplus(below) - down, middle);
  const high = Math.max(middle + softplus(above) + up, middle);
  return [low, middle, high, Math.min(Math.max(point, low), high)];
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scale(x: number, range: Scale): number {
  return (clip(x, range) - range.mean) / range.deviation;
}

/** The nearest that training saw. */
export function clip(x: number, { min, max }: Scale): number {
  return Math.min(Math.max(x, min), max);
}

/** The value at x of the straight lines through the points (xs, ys), which go on level at both ends. @param xs ascending */
export function interpolate(x: number, xs: number[], ys: number[]): number {
  const next = countBelow(xs, x);
  if (next === 0 || next === xs.length) return ys[Math.max(0, next - 1)] as number;
  const [from, to] = [xs[next - 1] as number, xs[next] as number];
  const share = (x - from) / (to - from);
  return (ys[next - 1] as number) * (1 - share) + (ys[next] as number) * share;
}

function apply({ kernel, bias }: Dense, signal: number[]): number[] {
  const outputs = Array.from(bias);
  for (const [i, x] of signal.entries()) {
    for (let j = 0; j < outputs.length; j++)
      outputs[j] = (outputs[j] as number) + x * (kernel[i * outputs.length + j] as number);
  }
  return outputs;
}

/** Writes a model as a safetensors file that carries its own checksum. The same model gives the same bytes. */
export function encodeModel(model: Model): Buffer {
  const { layers, scales, offsets, density, asOf, provenance } = model;
  const { averageEdges, medianEdges, shares } = density;
  const tensors = layers.flatMap(({ kernel, bias }, index) => [
    { name: `layer${index}.kernel`, shape: [kernel.length / bias.length, bias.length], values: kernel },
    { name: `layer${index}.bias`, shape: [bias.length], values: bias },
  ]);
  const shape = [averageEdges.length + 1, medianEdges.length + 1];
  tensors.push({ name: 'density', shape, values: shares });
  const header: Header = {};
  const body = Buffer.alloc(4 * tensors.reduce((total, { values }) => total + values.length, 0));
  let end = 0;
  for (const { name, shape, values } of tensors) {
    const start = end;
    for (const value of values) end = body.writeFloatLE(value, end);
    header[name] = { dtype: 'F32', shape, data_offsets: [start, end] };
  }
  const metadata = {
    ...provenance,
    format: FORMAT,
    as_of: asOf,
    scales: JSON.stringify(scales),
    quantiles: QUANTILES.join(),
    offsets: JSON.stringify(offsets),
    density_edges: JSON.stringify([averageEdges, medianEdges]),
    golden: JSON.stringify(goldenVectors(model)),
  };
  const text = JSON.stringify({
    __metadata__: { ...metadata, checksum: checksum(header, metadata, body) },
    ...header,
  });
  const padded = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, body]);
}

/** Reads a model and checks that it is whole. @throws ModelError that says what is wrong with it */
export function decodeModel(bytes: Buffer): Model {
  const headerEnd = bytes.length < 8 ? Number.NaN : 8 + Number(bytes.readBigUInt64LE(0));
  if (!(headerEnd <= bytes.length)) throw new ModelError('was cut short, or is no safetensors file');
  const { __metadata__, ...header } = parseHeader(bytes.subarray(8, headerEnd));
  const { checksum: expected, ...metadata } = __metadata__ ?? {};
  const {
    format,
    as_of: asOf = '',
    quantiles: _,
    scales,
    offsets,
    density_edges,
    golden,
    ...provenance
  } = metadata;
  if (format !== FORMAT && format !== FORMAT_2)
    throw new ModelError(`has the format ${format}; this program reads ${FORMAT} and ${FORMAT_2}`);
  const body = bytes.subarray(headerEnd);
  if (checksum(header, metadata, body) !== expected) throw new ModelError('is damaged: its checksum differs');
  if (!DATE.test(asOf)) throw new ModelError('has an as-of date that is not YYYY-MM-DD');

  const layers: Dense[] = [];
  let width = 2;
  for (let index = 0; header[`layer${index}.kernel`]; index++) {
    const bias = readTensor(`layer${index}.bias`, header, body);
    const kernel = readTensor(`layer${index}.kernel`, header, body);
    if (header[`layer${index}.kernel`]?.shape.join() !== `${width},${bias.length}`)
      throw new ModelError(`has a layer ${index} that does not fit the one before it`);
    layers.push({ kernel, bias });
    width = bias.length;
  }
  if (layers.length === 0 || width !== OUTPUTS) throw new ModelError(`does not end in ${OUTPUTS} outputs`);
  const model: Model = {
    layers,
    scales: parse(scales, 'scales for its inputs', areScales),
    offsets: format === FORMAT ? parse(offsets, 'offsets', areOffsets) : readOffsets2(offsets),
    density: readDensity(density_edges, header, body),
    asOf,
    provenance,
  };
  verifyGolden(model, parse(golden, 'golden vectors', areGolden));
  return model;
}

type Header = { [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] } };
type Metadata = { [name: string]: string };

function checksum(header: Header, metadata: Metadata, body: Buffer): string {
  return createHash('sha256')
    .update(JSON.stringify([header, metadata]))
    .update(body)
    .digest('hex');
}

function parseHeader(bytes: Buffer): Header & { __metadata__?: Metadata } {
  try {
    return Object.assign({}, JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new ModelError('has a damaged header', { cause });
  }
}

function readTensor(name: string, header: Header, body: Buffer): Float32Array {
  const { dtype, shape, data_offsets } = header[name] ?? {};
  const [start = 0, end = 0] = Array.isArray(data_offsets) ? data_offsets : [];
  const length = Array.isArray(shape) ? shape.reduce((product, size) => product * size, 1) : 0;
  const isSound = dtype === 'F32' && [start, length].every(Number.isInteger) && start >= 0 && length > 0;
  if (!isSound || end !== start + 4 * length || end > body.length)
    throw new ModelError(`has no sound tensor ${name}`);
  const values = Float32Array.from({ length }, (_, index) => body.readFloatLE(start + index * 4));
  if (!values.every(Number.isFinite))
    throw new ModelError(`has a weight in ${name} that is no finite number`);
  return values;
}

/** @throws ModelError when the text is not JSON, or not what it should be */
function parse<Value>(text: string | undefined, what: string, isSound: (value: unknown) => boolean): Value {
  try {
    const value = JSON.parse(text ?? '');
    if (isSound(value)) return value;
  } catch {}
  throw new ModelError(`has no sound ${what}`);
}

function areNumbers(value: unknown, length?: number): boolean {
  return Array.isArray(value) && value.every(Number.isFinite) && (length ?? value.length) === value.length;
}

function areScales(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every(
      ({ min, max, mean, deviation }) =>
        areNumbers([min, max, mean, deviation]) && min <= max && deviation > 0,
    )
  );
}

function areOffsets(value: unknown): boolean {
  const { at, down, up } = Object(value);
  const isAscending = (list: number[]) =>
    list.every((x, index) => index === 0 || x > (list[index - 1] as number));
  return (
    areNumbers(at) &&
    at.length > 0 &&
    isAscending(at) &&
    areNumbers(down, at.length) &&
    areNumbers(up, at.length)
  );
}

function readOffsets2(text: string | undefined): Offsets {
  const [down, up] = parse<[number, number]>(text, 'offsets', (value) => areNumbers(value, 2));
  return { at: [0], down: [down], up: [up] };
}

function areGolden(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((vector) => areNumbers(vector, 6));
}

function areEdges(value: unknown): boolean {
  return (
    areNumbers(value) &&
    (value as number[]).every((x, index, all) => index === 0 || x >= (all[index - 1] as number))
  );
}

function readDensity(edges: string | undefined, header: Header, body: Buffer): Density {
  const [averageEdges, medianEdges] = parse<[number[], number[]]>(
    edges,
    'edges for its density',
    (value) => Array.isArray(value) && value.length === 2 && value.every(areEdges),
  );
  const shares = readTensor('density', header, body);
  if (shares.length !== (averageEdges.length + 1) * (medianEdges.length + 1))
    throw new ModelError('has a density that does not fit its edges');
  return { averageEdges, medianEdges, shares };
}

/** vol_moving_avg, adj_close_rolling_med, and what the model makes of them. */
type GoldenVector = [number, number, number, number, number, number];

/** What the model predicts at the ends of what training saw, in between, and beyond. */
function goldenVectors(model: Model): GoldenVector[] {
  const [averages, medians] = model.scales.map(({ min, max, mean }) => [min - 1, min, mean, max, max + 1]);
  return (averages ?? []).flatMap((average) =>
    (medians ?? []).map((median): GoldenVector => {
      const inputs = [
        Math.max(0, Math.expm1(Math.min(average, 700))),
        Math.sign(median) * Math.expm1(Math.min(Math.abs(median), 700)),
      ] as const;
      const { point, p10, p50, p90 } = predict(model, ...inputs);
      return [...inputs, point, p10, p50, p90];
    }),
  );
}

/** @throws ModelError when this program computes something else than the one that wrote the model */
function verifyGolden(model: Model, vectors: GoldenVector[]): void {
  for (const [average, median, ...expected] of vectors) {
    const { point, p10, p50, p90 } = predict(model, average, median);
    const isSame = [point, p10, p50, p90].every((value, index) => {
      const golden = expected[index] as number;
      return Math.abs(value - golden) <= GOLDEN_TOLERANCE * Math.max(1, Math.abs(golden));
    });
    if (!isSame) throw new ModelError(`predicts something else here than where it was trained`);
  }
}
