import { createHash } from 'node:crypto';
import { goldenVectors, verifyGoldenVectors } from './golden-vectors.ts';
import { parseMetadata } from './metadata.ts';
import { type DenseLayer, type Model, ModelError, OUTPUTS, QUANTILES } from './model.ts';

const FORMAT = 'stock-market-pipeline/3';

/** The header of a safetensors file: https://huggingface.co/docs/safetensors */
type TensorHeader = {
  [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
};
type Metadata = { [name: string]: string };

/** Writes a model as a safetensors file with a checksum. The same model gives the same bytes. */
export function encodeModel(model: Model): Buffer {
  const { layers, scales, offsets, density, asOf, provenance } = model;
  const { volMovingAvgEdges, adjCloseRollingMedEdges, shares } = density;
  const tensors = layers.flatMap(({ kernel, bias }, index) => [
    { name: `layer${index}.kernel`, shape: [kernel.length / bias.length, bias.length], values: kernel },
    { name: `layer${index}.bias`, shape: [bias.length], values: bias },
  ]);
  const shape = [volMovingAvgEdges.length + 1, adjCloseRollingMedEdges.length + 1];
  tensors.push({ name: 'density', shape, values: shares });
  const header: TensorHeader = {};
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
    density_edges: JSON.stringify([volMovingAvgEdges, adjCloseRollingMedEdges]),
    golden: JSON.stringify(goldenVectors(model)),
  };
  const text = JSON.stringify({
    __metadata__: { ...metadata, checksum: checksumOf(header, metadata, body) },
    ...header,
  });
  const padded = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, body]);
}

/** Reads a model. @throws ModelError when it is not complete or not valid */
export function decodeModel(bytes: Buffer): Model {
  const headerEnd = bytes.length < 8 ? Number.NaN : 8 + Number(bytes.readBigUInt64LE(0));
  if (!(headerEnd <= bytes.length)) throw new ModelError('is truncated, or is not a safetensors file');
  const body = bytes.subarray(headerEnd);
  const { __metadata__, ...header } = parseHeader(bytes.subarray(8, headerEnd));
  const { checksum, ...metadata } = __metadata__ ?? {};
  const { format, ...fields } = metadata;
  if (format !== FORMAT)
    throw new ModelError(
      `has the format ${format}, but this program reads only ${FORMAT}; train the model again`,
    );
  if (checksumOf(header, metadata, body) !== checksum)
    throw new ModelError('is damaged: its checksum does not match');
  const {
    as_of,
    quantiles: _,
    scales,
    offsets,
    density_edges: edges,
    golden,
    ...provenance
  } = parseMetadata(fields);
  const [volMovingAvgEdges, adjCloseRollingMedEdges] = edges;
  const shares = readTensor('density', header, body);
  if (shares.length !== (volMovingAvgEdges.length + 1) * (adjCloseRollingMedEdges.length + 1))
    throw new ModelError('has a density that does not fit its edges');
  const model: Model = {
    layers: readLayers(header, body),
    scales,
    offsets,
    density: { volMovingAvgEdges, adjCloseRollingMedEdges, shares },
    asOf: as_of,
    provenance,
  };
  verifyGoldenVectors(model, golden);
  return model;
}

function checksumOf(header: TensorHeader, metadata: Metadata, body: Buffer): string {
  return createHash('sha256')
    .update(JSON.stringify([header, metadata]))
    .update(body)
    .digest('hex');
}

function parseHeader(bytes: Buffer): TensorHeader & { __metadata__?: Metadata } {
  try {
    return Object.assign({}, JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new ModelError('has a damaged header', { cause });
  }
}

function readLayers(header: TensorHeader, body: Buffer): DenseLayer[] {
  const layers: DenseLayer[] = [];
  let width = 2;
  for (let index = 0; header[`layer${index}.kernel`]; index++) {
    const bias = readTensor(`layer${index}.bias`, header, body);
    const kernel = readTensor(`layer${index}.kernel`, header, body);
    if (header[`layer${index}.kernel`]?.shape.join() !== `${width},${bias.length}`)
      throw new ModelError(`has a layer ${index} that does not fit the one before it`);
    layers.push({ kernel, bias });
    width = bias.length;
  }
  if (layers.length === 0 || width !== OUTPUTS)
    throw new ModelError(`has a last layer without ${OUTPUTS} outputs`);
  return layers;
}

function readTensor(name: string, header: TensorHeader, body: Buffer): Float32Array {
  const { dtype, shape, data_offsets } = header[name] ?? {};
  const [start = 0, end = 0] = Array.isArray(data_offsets) ? data_offsets : [];
  const length = Array.isArray(shape) ? shape.reduce((product, size) => product * size, 1) : 0;
  const isValid = dtype === 'F32' && [start, length].every(Number.isInteger) && start >= 0 && length > 0;
  if (!isValid || end !== start + 4 * length || end > body.length)
    throw new ModelError(`has no valid tensor ${name}`);
  const values = Float32Array.from({ length }, (_, index) => body.readFloatLE(start + index * 4));
  if (!values.every(Number.isFinite))
    throw new ModelError(`has a weight in ${name} that is not a finite number`);
  return values;
}
