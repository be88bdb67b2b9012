import { createHash } from 'node:crypto';
import { goldenVectors, verifyGolden } from './golden-vectors.ts';
import { areEdges, areGolden, areOffsets, areScales, parse, readOffsets2 } from './metadata.ts';
import { type Dense, type Density, type Model, ModelError, OUTPUTS, QUANTILES } from './model.ts';

const FORMAT = 'stock-market-pipeline/3';
/** The format before: one offset for each end, wherever vol_moving_avg is. It is still read, so that a champion stays in service. */
const FORMAT_2 = 'stock-market-pipeline/2';

const DATE = /^\d{4}-\d\d-\d\d$/;

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
