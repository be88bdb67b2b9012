import { createHash } from 'node:crypto';

/**
 * The model file and its arithmetic. What training writes and serving reads meets here, so nothing native may be
 * imported: two numbers in, three quantiles of the trading volume out.
 */

/** The lower, middle and upper quantile that the model predicts. */
export const QUANTILES = [0.1, 0.5, 0.9] as const;

const FORMAT = 'stock-market-pipeline/1';

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

/** A model as it lies in model.bin. */
export interface Model {
  /** Hidden layers with tanh, then one without, whose 3 outputs are p50 and the raw distances to p10 and p90. */
  layers: Dense[];
  /** For logVolumeAverage and signedLog, in this order. */
  scales: [Scale, Scale];
  /** The day before which all training rows lie: YYYY-MM-DD. */
  asOf: string;
  /** Whatever else is worth knowing of its making. */
  provenance: Record<string, string>;
}

/** Trading volumes in shares, p10 <= p50 <= p90, none negative or beyond 2^53 - 1. */
export interface Prediction {
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
export function predict({ layers, scales }: Model, volumeAverage: number, priceMedian: number): Prediction {
  const logAverage = logVolume(volumeAverage);
  let signal = [scale(logAverage, scales[0]), scale(signedLog(priceMedian), scales[1])];
  for (const [index, layer] of layers.entries()) {
    signal = apply(layer, signal);
    if (index < layers.length - 1) signal = signal.map(Math.tanh);
  }
  const [p10, p50, p90] = quantiles(signal).map((logRatio) =>
    Math.min(Math.max(0, Math.expm1(logAverage + logRatio)), Number.MAX_SAFE_INTEGER),
  );
  return { p10, p50, p90 } as Prediction;
}

/** The volume in log units: ln(1 + shares). */
export function logVolume(volume: number): number {
  return Math.log1p(volume);
}

/** The sign of x times ln(1 + |x|). */
export function signedLog(x: number): number {
  return Math.sign(x) * Math.log1p(Math.abs(x));
}

/** Quantiles of ln(1 + Volume) - ln(1 + vol_moving_avg); p10 and p90 lie a softplus away from p50, so they cannot cross. */
function quantiles([middle = 0, below = 0, above = 0]: number[]): [number, number, number] {
  return [middle - softplus(below), middle, middle + softplus(above)];
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scale(x: number, { min, max, mean, deviation }: Scale): number {
  return (Math.min(Math.max(x, min), max) - mean) / deviation;
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
export function encodeModel({ layers, scales, asOf, provenance }: Model): Buffer {
  const tensors = layers.flatMap(({ kernel, bias }, index) => [
    { name: `layer${index}.kernel`, shape: [kernel.length / bias.length, bias.length], values: kernel },
    { name: `layer${index}.bias`, shape: [bias.length], values: bias },
  ]);
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
  const { format, as_of: asOf = '', scales = '', quantiles: _, ...provenance } = metadata;
  if (format !== FORMAT) throw new ModelError(`has the format ${format}; this program reads ${FORMAT}`);
  const body = bytes.subarray(headerEnd);
  if (checksum(header, metadata, body) !== expected) throw new ModelError('is damaged: its checksum differs');

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
  if (layers.length === 0 || width !== QUANTILES.length)
    throw new ModelError(`does not end in ${QUANTILES.length} outputs`);
  return { layers, scales: parseScales(scales), asOf, provenance };
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

function parseScales(text: string): [Scale, Scale] {
  try {
    const scales = JSON.parse(text) as [Scale, Scale];
    const sound = scales.every(
      ({ min, max, mean, deviation }) => [min, max, mean, deviation].every(Number.isFinite) && deviation > 0,
    );
    if (scales.length === 2 && sound) return scales;
  } catch {}
  throw new ModelError('has no sound scales for its inputs');
}
