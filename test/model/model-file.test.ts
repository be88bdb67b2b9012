import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { densityCell, isInDomain, signedLog } from '../../model/arithmetic.ts';
import { type Model, ModelError } from '../../model/model.ts';
import { decodeModel, encodeModel } from '../../model/model-file.ts';
import { constantModel, dense, modelOf, predict } from '../support/tiny-model.ts';

const { E } = Math;

describe('predict', () => {
  // ln(1 + (e - 1)) = 1. The outputs 1, 0, 0 give a log ratio of 1, and softplus(0) = ln 2 on
  // either side: p50 = e^(1 + 1) - 1, p10 = e^2 / 2 - 1, p90 = 2 e^2 - 1.
  it('multiplies vol_moving_avg by the exponential of the predicted log ratio', () => {
    const { p10, p50, p90 } = predict(constantModel([1, 0, 0]), E - 1, 25);
    expect(p50).toBeCloseTo(E ** 2 - 1, 9);
    expect(p10).toBeCloseTo(E ** 2 / 2 - 1, 9);
    expect(p90).toBeCloseTo(2 * E ** 2 - 1, 9);
  });

  it('applies tanh to hidden layers, but not to the last one', () => {
    // tanh(ln(3) / 2) = (3 - 1) / (3 + 1) = 0.5, times 4 = 2
    const model = modelOf([dense([[0], [0]], [Math.log(3) / 2]), dense([[4, 0, 0]], [0, 0, 0])]);
    expect(predict(model, 0, 0).p50).toBeCloseTo(E ** 2 - 1, 5);
  });

  it('clips each input to the range that training saw, then scales it', () => {
    // The log ratio is the scaled first input: (x - 1) / 0.5 with x in [0, 2].
    const model = modelOf([
      dense(
        [
          [1, 0, 0],
          [0, 0, 0],
        ],
        [0, 0, 0],
      ),
    ]);
    model.scales[0] = { min: 0, max: 2, mean: 1, deviation: 0.5 };
    expect(predict(model, E - 1, 0).p50).toBeCloseTo(E - 1, 9);
    expect(predict(model, E ** 2 - 1, 0).p50).toBeCloseTo(E ** (2 + 2) - 1, 9);
    expect(predict(model, E ** 9 - 1, 0).p50).toBeCloseTo(E ** (9 + 2) - 1, 6);
  });

  it('takes the logarithm of the price and keeps its sign', () => {
    const model = modelOf([
      dense(
        [
          [0, 0, 0],
          [1, 0, 0],
        ],
        [0, 0, 0],
      ),
    ]);
    expect(predict(model, 99, E - 1).p50).toBeCloseTo(100 * E - 1, 9);
    expect(predict(model, 99, 1 - E).p50).toBeCloseTo(100 / E - 1, 9);
    expect(signedLog(1 - E)).toBeCloseTo(-1, 12);
  });

  it('keeps the point between p10 and p90', () => {
    // p50 = e^2 - 1, p10 = e^2 / 2 - 1, p90 = 2 e^2 - 1. The raw points are e^9 - 1, e^-9 - 1 and
    // e^1.5 - 1.
    const withPoint = (point: number) => predict(constantModel([2, 0, 0, point]), 0, 25).point;
    expect(withPoint(9)).toBeCloseTo(2 * E ** 2 - 1, 9);
    expect(withPoint(-9)).toBeCloseTo(E ** 2 / 2 - 1, 9);
    expect(withPoint(Math.fround(1.5))).toBeCloseTo(E ** 1.5 - 1, 9);
  });

  it('moves p10 down and p90 up by the offsets, in log units, but never past p50', () => {
    const moved = (down: number, up: number) =>
      predict({ ...constantModel([2, 0, 0]), offsets: { at: [7], down: [down], up: [up] } }, 0, 25);
    expect(moved(1, 0.5).p10).toBeCloseTo(E / 2 - 1, 9);
    expect(moved(1, 0.5).p90).toBeCloseTo(2 * E ** 2.5 - 1, 9);
    expect(moved(-5, -5)).toMatchObject({ p10: moved(0, 0).p50, p90: moved(0, 0).p50 });
  });

  // ln(1 + p90) = ln(1 + vol_moving_avg) + 2 + ln 2 + the offset: 0.2 up to 1, 0.8 from 3 on,
  // interpolated between.
  it.each([
    [0, 0.2],
    [1, 0.2],
    [1.5, 0.35],
    [2, 0.5],
    [3, 0.8],
    [4, 0.8],
  ])('interpolates the offset: where ln(1 + vol_moving_avg) is %d, it is %d', (logVolMovingAvg, offset) => {
    const offsets = { at: [1, 3], down: [0, 0], up: [0.2, 0.8] };
    const { p90 } = predict({ ...constantModel([2, 0, 0]), offsets }, Math.expm1(logVolMovingAvg), 25);
    expect(Math.log1p(p90)).toBeCloseTo(logVolMovingAvg + 2 + Math.LN2 + offset, 9);
  });

  it('uses the offset of the nearest vol_moving_avg that training saw', () => {
    const model = { ...constantModel([2, 0, 0]), offsets: { at: [1, 3], down: [0, 0], up: [0.2, 0.8] } };
    model.scales[0] = { min: 0, max: 2, mean: 0, deviation: 1 };
    expect(Math.log1p(predict(model, Math.expm1(9), 25).p90)).toBeCloseTo(9 + 2 + Math.LN2 + 0.5, 9);
  });

  it('never falls below zero, however small the ratio', () => {
    expect(predict(constantModel([-50, 0, 0]), 10, 1)).toEqual({ point: 0, p10: 0, p50: 0, p90: 0 });
  });

  it('stays within the safe integers, however large the ratio', () => {
    expect(predict(constantModel([1e30, 0, 0]), 1e308, 1).p90).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('gives ordered volumes within the safe integers for any network and any finite inputs', () => {
    const weight = fc.float({ noNaN: true, noDefaultInfinity: true });
    const layers = fc
      .tuple(weights(weight, 8), weights(weight, 4), weights(weight, 12), weights(weight, 3))
      .map(([k0, b0, k1, b1]) => [
        { kernel: k0, bias: b0 },
        { kernel: k1, bias: b1 },
      ]);
    const volMovingAvg = fc.oneof(
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.constant(1e308),
    );
    const adjCloseRollingMed = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(1e308, -1e308, 0, -25, 5e-324),
    );
    fc.assert(
      fc.property(layers, volMovingAvg, adjCloseRollingMed, (layers, volMovingAvg, adjCloseRollingMed) => {
        const { point, p10, p50, p90 } = predict(modelOf(layers), volMovingAvg, adjCloseRollingMed);
        expect(point).toBeGreaterThanOrEqual(p10);
        expect(point).toBeLessThanOrEqual(p90);
        expect(p10).toBeGreaterThanOrEqual(0);
        expect(p50).toBeGreaterThanOrEqual(p10);
        expect(p90).toBeGreaterThanOrEqual(p50);
        for (const volume of [point, p10, p50, p90])
          expect(Math.round(volume)).toSatisfy(Number.isSafeInteger);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the density', () => {
  const model = modelOf([dense([[0], [0]], [0, 0, 0] as never)]);
  const density = {
    volMovingAvgEdges: [1, 2],
    adjCloseRollingMedEdges: [0],
    shares: Float32Array.of(0, 0, 0, 0.999995, 0.000005, 0),
  };

  it.each([
    [0.5, -1, 0],
    [0.5, 0, 1],
    [1, -0.1, 2],
    [1.9, 7, 3],
    [2, -1, 4],
    [99, 99, 5],
  ])('puts the log inputs %d and %d into cell %d', (logVolMovingAvg, signedLogAdjCloseRollingMed, cell) => {
    expect(densityCell(logVolMovingAvg, signedLogAdjCloseRollingMed, density)).toBe(cell);
  });

  it('separates inputs that training saw from those that it hardly or never saw', () => {
    const known = { ...model, density };
    expect(isInDomain(known, Math.expm1(1.5), 3)).toBe(true);
    expect(isInDomain(known, Math.expm1(1.5), -3)).toBe(false);
    expect(isInDomain(known, Math.expm1(2.5), -3)).toBe(false);
    const narrow = { min: 1.2, max: 1.8, mean: 0, deviation: 1 };
    expect(isInDomain({ ...known, scales: [narrow, known.scales[1]] }, Math.expm1(1.5), 3)).toBe(true);
    expect(isInDomain({ ...known, scales: [narrow, known.scales[1]] }, Math.expm1(1.9), 3)).toBe(false);
  });
});

describe('model.bin', () => {
  const model = modelOf([
    dense(
      [
        [1, 2],
        [3, 4],
      ],
      [5, 6],
    ),
    dense(
      [
        [0.1, 0.2, 0.3],
        [0.4, 0.5, 0.6],
      ],
      [-1, 0, 1],
    ),
  ]);
  const bytes = encodeModel(model);

  it('decodes to the model that was encoded', () => {
    expect(decodeModel(bytes)).toEqual(model);
  });

  it('is the same bytes for the same model', () => {
    expect(encodeModel(structuredClone(model)).equals(bytes)).toBe(true);
  });

  it('is a safetensors file: header length, JSON header with strings as metadata, little-endian floats', () => {
    const length = Number(bytes.readBigUInt64LE(0));
    const { __metadata__, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString());
    expect(length % 8).toBe(0);
    expect(Object.values(__metadata__).every((value) => typeof value === 'string')).toBe(true);
    expect(tensors['layer0.kernel']).toEqual({ dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] });
    expect(tensors['layer0.bias']).toEqual({ dtype: 'F32', shape: [2], data_offsets: [16, 24] });
    expect([0, 4, 8, 12].map((offset) => bytes.readFloatLE(8 + length + offset))).toEqual([1, 2, 3, 4]);
    expect(bytes.length).toBe(8 + length + 4 * (4 + 2 + 8 + 4 + 4));
  });

  it('is refused when it is truncated at any byte', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeModel(bytes.subarray(0, length)), `${length} bytes`).toThrow(ModelError);
    }
  });

  it('is refused with a byte appended', () => {
    expect(() => decodeModel(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(ModelError);
  });

  it('is refused when any bit is flipped, except in the padding of the header', () => {
    for (let index = 0; index < bytes.length; index++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[index] = (flipped[index] as number) ^ (1 << bit);
        const decoded = decodeOrError(flipped);
        if (decoded instanceof ModelError) continue;
        expect(decoded, `byte ${index}, bit ${bit}`).toEqual(model);
        expect(bytes[index], `byte ${index}, bit ${bit}`).toBe(0x20);
      }
    }
  });

  it('is refused when it is arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (other) => {
        expect(decodeOrError(Buffer.from(other))).toBeInstanceOf(ModelError);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (header) => {
        expect(decodeOrError(frame(JSON.stringify(header), Buffer.alloc(8)))).toBeInstanceOf(ModelError);
      }),
    );
  });

  it.each([2, 9])('of format %d is refused, with the formats and the way out', (format) => {
    const other = Buffer.from(bytes.toString('latin1').replace('pipeline/3', `pipeline/${format}`), 'latin1');
    expect(() => decodeModel(other)).toThrow(
      `has the format stock-market-pipeline/${format}, but this program reads only stock-market-pipeline/3; train the model again`,
    );
    expect(() => decodeModel(other)).toThrow(ModelError);
  });

  it.each([Number.NaN, Infinity, -Infinity])('is refused with the weight %d', (weight) => {
    expect(() => decodeModel(encodeModel(constantModel([weight, 0, 0])))).toThrow(ModelError);
  });

  it.each<[string, Model]>([
    ['no layers', modelOf([])],
    [
      'two outputs',
      modelOf([
        dense(
          [
            [1, 2],
            [3, 4],
          ],
          [5, 6],
        ),
      ]),
    ],
    [
      'three inputs',
      modelOf([
        dense(
          [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, 9],
          ],
          [1, 2, 3],
        ),
      ]),
    ],
    [
      'layers that do not fit each other',
      modelOf([
        dense([[1], [2]], [3]),
        dense(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          [1, 2, 3],
        ),
      ]),
    ],
    [
      'shares that do not fit the edges',
      {
        ...constantModel([0, 0, 0]),
        density: { volMovingAvgEdges: [], adjCloseRollingMedEdges: [], shares: new Float32Array(4) },
      },
    ],
    ['a ragged kernel', modelOf([{ kernel: new Float32Array(5), bias: new Float32Array(3) }])],
    ['a deviation of zero', scaledBy({ deviation: 0 })],
    ['a min above the max', scaledBy({ min: 1, max: 0.5 })],
    [
      'descending edges',
      {
        ...constantModel([0, 0, 0]),
        density: { volMovingAvgEdges: [2, 1], adjCloseRollingMedEdges: [], shares: new Float32Array(3) },
      },
    ],
    ...['', '2020-01-04\n', '2020-1-4', '../elsewhere'].map((asOf): [string, Model] => [
      `the date ${JSON.stringify(asOf)}`,
      constantModel([0, 0, 0], asOf),
    ]),
    ['a mean that is not a number', scaledBy({ mean: Number.NaN })],
    [
      'one scale',
      { ...constantModel([0, 0, 0]), scales: [{ min: 0, max: 1, mean: 0, deviation: 1 }] as never },
    ],
  ])('is refused with %s', (_, invalid) => {
    expect(decodeOrError(encodeModel(invalid))).toBeInstanceOf(ModelError);
  });

  it.each<[string, unknown]>([
    ['another number type', { dtype: 'F64', shape: [4], data_offsets: [32, 48] }],
    ['no offsets', { dtype: 'F32', shape: [4] }],
    ['offsets that are not a list', { dtype: 'F32', shape: [4], data_offsets: 32 }],
    ['offsets beyond the end', { dtype: 'F32', shape: [4], data_offsets: [48, 64] }],
    ['offsets before the start', { dtype: 'F32', shape: [4], data_offsets: [-16, 0] }],
    ['offsets that are not whole numbers', { dtype: 'F32', shape: [4], data_offsets: [31.5, 47.5] }],
    ['a shape that does not fit its bytes', { dtype: 'F32', shape: [5], data_offsets: [32, 48] }],
    ['an empty shape', { dtype: 'F32', shape: [0], data_offsets: [32, 32] }],
    ['a shape that is not a list', { dtype: 'F32', shape: 4, data_offsets: [32, 48] }],
    ['null as a tensor', null],
  ])('of another program, with a valid checksum, is refused with %s', (_, bias) => {
    expect(decodeOrError(fileWith({ ...ZERO_TENSORS, 'layer0.bias': bias }))).toBeInstanceOf(ModelError);
  });

  it('of another program is refused when a kernel is transposed', () => {
    const kernel = { dtype: 'F32', shape: [4, 2], data_offsets: [0, 32] };
    expect(decodeOrError(fileWith({ ...ZERO_TENSORS, 'layer0.kernel': kernel }))).toBeInstanceOf(ModelError);
  });

  it('of another program, with a valid checksum, is read', () => {
    expect(decodeModel(fileWith(ZERO_TENSORS)).layers).toEqual(constantModel([0, 0, 0]).layers);
  });

  it.each([
    'null',
    '[0,0]',
    '{"at":[0],"down":["a"],"up":[0]}',
    '{"at":[0],"down":[0]}',
    '{"at":[1,2],"down":[0],"up":[0]}',
    '{"at":[2,1],"down":[0,0],"up":[0,0]}',
    '{"at":[],"down":[],"up":[]}',
  ])('of another program, with a valid checksum, is refused with the offsets %s', (offsets) => {
    expect(decodeOrError(fileWith(ZERO_TENSORS, undefined, { offsets }))).toBeInstanceOf(ModelError);
  });

  it.each([
    [
      'differ from its predictions',
      [[0, 0, 0, 0, 0, 1.001]],
      'does not give its golden vectors: predictions here differ from those in training',
    ],
    [
      'are not vectors',
      [1],
      'has invalid metadata: golden.0: Invalid input: expected tuple, received number',
    ],
    ['are an empty list', [], 'has invalid metadata: golden: Too small: expected array to have >=1 items'],
  ])('of another program is refused when its golden vectors %s', (_, golden, message) => {
    expect(() => decodeModel(fileWith(ZERO_TENSORS, golden))).toThrow(message);
    expect(() => decodeModel(fileWith(ZERO_TENSORS, golden))).toThrow(ModelError);
  });
});

/** The tensors of a model with weights of zero and a density of one cell. */
const ZERO_TENSORS = {
  'layer0.kernel': { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] },
  'layer0.bias': { dtype: 'F32', shape: [4], data_offsets: [32, 48] },
  density: { dtype: 'F32', shape: [1, 1], data_offsets: [48, 52] },
};

function decodeOrError(bytes: Buffer): Model | unknown {
  try {
    return decodeModel(bytes);
  } catch (error) {
    return error;
  }
}

function scaledBy(scale: object): Model {
  const model = constantModel([0, 0, 0]);
  Object.assign(model.scales[0], scale);
  return model;
}

function weights(weight: fc.Arbitrary<number>, length: number): fc.Arbitrary<Float32Array> {
  return fc
    .array(weight, { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));
}

/**
 * A safetensors file with this header and 52 zero bytes, as another program would write it. In its
 * only golden vector the log ratio is 0 ± ln 2: p10 is 1 / 2 - 1, limited to 0; p50 and the point
 * are 0; p90 is 2 - 1.
 */
function fileWith(
  tensors: Record<string, unknown>,
  golden: unknown = [[0, 0, 0, 0, 0, 1]],
  more: Record<string, string> = {},
): Buffer {
  const body = Buffer.alloc(52);
  const scale = { min: 0, max: 1, mean: 0, deviation: 1 };
  const metadata = {
    format: 'stock-market-pipeline/3',
    as_of: '2020-01-01',
    scales: JSON.stringify([scale, scale]),
    offsets: '{"at":[0],"down":[0],"up":[0]}',
    density_edges: '[[],[]]',
    golden: JSON.stringify(golden),
    ...more,
  };
  const checksum = createHash('sha256')
    .update(JSON.stringify([tensors, metadata]))
    .update(body)
    .digest('hex');
  return frame(JSON.stringify({ __metadata__: { ...metadata, checksum }, ...tensors }), body);
}

function frame(header: string, body: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), body]);
}
