import { createHash } from 'node:crypto';
import { tableFromArrays, tableToIPC } from 'apache-arrow';

/** A bad request, and the status of its response. */
export type BadRequest = [method: string, path: string, type: string, body: Buffer, status: number];

export const ARROW = 'application/vnd.apache.arrow.stream';
const WRONG_NUMBERS = [
  'NaN',
  'Infinity',
  '-Infinity',
  '1e400',
  '"25"',
  '"abc"',
  'null',
  'true',
  '[]',
  '{}',
  '[1]',
  '""',
  '1n',
  '0x1',
  '+1',
  '.5',
  '١٢',
  '1,5',
  '1_000',
  "'1'",
];
const WRONG_QUERY_VALUES = [
  '',
  ...WRONG_NUMBERS.filter((text) => text !== '.5').map(encodeURIComponent),
  '%00',
  '%20',
  '%ff',
  '9'.repeat(5_000),
  '%C3%A9'.repeat(500),
  '--1',
  '1e',
  '1e+',
  '5%00',
  '1%202',
];
const NAMES = ['vol_moving_avg', 'adj_close_rolling_med'];

const INFER = '/v2/models/volume/infer';
const NO_BODY = Buffer.alloc(0);
const ONE = Float64Array.of(1);
const VALID_TENSOR = { name: '', shape: [1], datatype: 'FP64', data: [1] };
const VALID_BODY = `{"instances":[${jsonRow('', '')}]}`;

/** Bad requests of every kind. Nearly every one has a single fault. */
export function badRequests(): BadRequest[] {
  return [...badValues(), ...badQueries(), ...badJson(), ...badTensors(), ...badArrow(), ...badRoutes()];
}

/** A bad value for each feature, in each format. */
function badValues(): BadRequest[] {
  return [
    ...NAMES.flatMap((name) => {
      const other = NAMES.find((feature) => feature !== name);
      return [
        ...WRONG_QUERY_VALUES.map((text) => get(`/predict?${name}=${text}&${other}=1`, 400)),
        ...WRONG_NUMBERS.map((text) => json('/predict', `{"instances":[${jsonRow(name, text)}]}`)),
        ...WRONG_NUMBERS.filter((text) => text !== '[1]').map((text) =>
          json(INFER, `{"inputs":[${NAMES.map((feature) => tensorText(feature, name, text)).join()}]}`),
        ),
        get(`/predict?${name}=1&${name}=1&${other}=1`, 400),
        get(`/predict?${other}=1`, 400),
        get(`/predict?${name}=x&${other}=x&detail=x`, 400),
      ];
    }),
  ];
}

function badQueries(): BadRequest[] {
  return [
    ...[
      `${'k'.repeat(8_000)}=1`,
      'VOL_MOVING_AVG=1',
      'vol_moving_avg%00=1',
      'vol_moving_avg[]=1',
      'vol%EF%BC%BFmoving%EF%BC%BFavg=1',
      '%F0%9F%93%88=1',
      '__proto__=1',
      'vol_moving_avg=1;adj_close_rolling_med=1',
    ].map((pair) => get(`/predict?${pair}&adj_close_rolling_med=1`, 400)),
    ...['2', 'true', '', '01', '1&detail=1'].map((flag) =>
      get(`/predict?vol_moving_avg=1&adj_close_rolling_med=1&detail=${flag}`, 400),
    ),
  ];
}

function badJson(): BadRequest[] {
  return [
    ...WRONG_NUMBERS.map((text) => json('/predict', text)),
    ...WRONG_NUMBERS.map((text) => json('/predict', `{"instances":${text}}`)),
    json('/predict', JSON.stringify({ instances: Array(100_000).fill({}) })),
    ...Array.from({ length: VALID_BODY.length }, (_, length) =>
      json('/predict', VALID_BODY.slice(0, length)),
    ),
    ...[
      'k'.repeat(100_000),
      'vol_moving_avg ',
      'vol\u0000_moving_avg',
      'ｖol_moving_avg',
      '__proto__',
      'constructor',
    ].map((key) => json('/predict', `{"instances":[{"${key}":1,"adj_close_rolling_med":1}]}`)),
    ...['text/plain', 'application/xml', 'application/jsonx', 'multipart/form-data', ''].map(
      (type): BadRequest => ['POST', '/predict', type, Buffer.from(VALID_BODY), 415],
    ),
    json('/predict', `{"instances":[${'1,'.repeat(100_000)}1]}`, 413),
    json('/predict', ' '.repeat(16 * 2 ** 20 + 1), 413),
    json('/predict', '['.repeat(100_000)),
    ...['/predict', INFER].flatMap((path) => [
      json(path, `[[${'0,'.repeat(100_000)}0]]`),
      json(path, `[${'0,'.repeat(1_000_000)}0]`),
    ]),
    json('/predict', `{"${'k'.repeat(100_000)}":1,"__proto__":{"instances":[]}}`),
  ];
}

function badTensors(): BadRequest[] {
  return [
    ...WRONG_NUMBERS.map((text) => json(INFER, `{"inputs":${text}}`)),
    ...[
      { shape: [2] },
      { shape: [1, 2] },
      { shape: [0] },
      { shape: [-1] },
      { shape: [] },
      { shape: [1, 1, 1] },
    ].map((wrong) => tensors(wrong)),
    ...['INT64', 'BYTES', 'BOOL', 'fp64', '', 1, null].map((datatype) => tensors({ datatype })),
    ...[[[1, 2]], [[1], 2], [[]], [], [['1']], { 0: 1 }].map((data) => tensors({ data })),
    tensors({ data: [[1]] }),
    tensors({ data: [Array(500_000).fill(''), ...Array(8).fill(1)] }),
    tensors({ data: Array(100_000).fill('') }),
    tensors({ shape: Array(100_000).fill('') }),
    tensors({ data: [-1] }),
    tensors({ shape: [2], data: [1, 2] }),
    tensors({}, { name: NAMES[0] }),
    tensors({}, { name: 'other' }),
    tensors({}, {}, { outputs: [{ name: 'p11' }] }),
    tensors({}, {}, { outputs: {} }),
    tensors({}, {}, { outputs: [{ name: 'p50' }, { name: 'p10' }, { name: 'p50' }] }),
    tensors({}, {}, { outputs: Array(1_000).fill({ name: 'p50' }) }),
    tensors({}, {}, { id: 1 }),
    tensors({}, {}, { parameters: [] }),
    json(INFER, JSON.stringify({ inputs: [{ ...VALID_TENSOR, name: NAMES[0] }] })),
    json(INFER, JSON.stringify({ inputs: [0, 1, 0].map((i) => ({ ...VALID_TENSOR, name: NAMES[i] })) })),
    ...Array.from({ length: 40 }, (_, length) =>
      json(INFER, '{"inputs":[{"name":"vol_moving_avg","shape":[1]}]}'.slice(0, length)),
    ),
    ...['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', ARROW].map(
      (type): BadRequest => ['POST', INFER, type, Buffer.from('{}'), 415],
    ),
  ];
}

function badArrow(): BadRequest[] {
  const ipc = Buffer.from(
    tableToIPC(
      tableFromArrays({ vol_moving_avg: Float64Array.of(1), adj_close_rolling_med: Float64Array.of(1) }),
      'stream',
    ),
  );
  return [
    ...Array.from({ length: ipc.length / 8 - 1 }, (_, i) => arrow(ipc.subarray(0, i * 8))),
    ...Array.from({ length: 32 }, (_, i) =>
      arrow(Buffer.alloc(64, createHash('sha256').update(String(i)).digest())),
    ),
    arrow(tableToIPC(tableFromArrays({ vol_moving_avg: ONE, adj_close_rolling_med: ONE }), 'file')),
    arrowColumns({ vol_moving_avg: ONE }),
    arrowColumns({ vol_moving_avg: ONE, adj_close_rolling_med: ['1'] }),
    arrowColumns({ vol_moving_avg: ONE, adj_close_rolling_med: [new Date(0)] }),
    arrowColumns({ Vol_moving_avg: ONE, adj_close_rolling_med: ONE }),
    arrowColumns({ vol_moving_avg: ONE, adj_close_rolling_med: Float64Array.of(Number.POSITIVE_INFINITY) }),
    arrowColumns({ vol_moving_avg: [true], adj_close_rolling_med: ONE }),
    arrowColumns({ vol_moving_avg: Float64Array.of(-1), adj_close_rolling_med: ONE }),
    arrowColumns({ vol_moving_avg: Float64Array.of(Number.NaN), adj_close_rolling_med: ONE }),
  ];
}

/** Methods and paths that the server does not have. */
function badRoutes(): BadRequest[] {
  return [
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE'].map(
      (method): BadRequest => [method, '/predict', '', NO_BODY, 405],
    ),
    ...['/', '/page/main.js', '/reports/model', '/reports/walk-forward'].map(
      (path): BadRequest => ['DELETE', path, '', NO_BODY, 405],
    ),
    ...[
      '/predict/',
      '//predict',
      '/Predict',
      '/predict%00',
      '/predict/..%2f',
      '/docs/..%2fpackage.json',
      '/docs/%2e%2e/x',
      '/page/',
      '/page/index.html',
      '/page/tsconfig.json',
      '/page/..%2fserver.ts',
      '/reports/..%2fmodel.bin',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/docs/../../package.json',
      '/docs/..%5c..%5cpackage.json',
      '/./predict/.',
      '/predict%2f',
      '/predict;a=1',
      '/%70redict%3Fvol_moving_avg=1',
      '/docs/%E0%A4%A',
      '/%zz',
      '/%00',
      '/%ff%fe',
      `/${'a'.repeat(14_000)}`,
      `/${'../'.repeat(4_000)}x`,
      '/v2/models/x',
      '/v2/models/volume/versions/0',
      '/v2/x',
    ].map((path) => get(path, 404)),
  ];
}

function get(path: string, status: number): BadRequest {
  return ['GET', path, '', NO_BODY, status];
}

function json(path: string, text: string, status = 400): BadRequest {
  return ['POST', path, 'application/json', Buffer.from(text), status];
}

/** An instance for POST /predict whose feature `name` has this JSON text. */
function jsonRow(name: string, text: string): string {
  return `{${NAMES.map((feature) => `"${feature}":${feature === name ? text : '25'}`).join()}}`;
}

/** A tensor whose data has this JSON text if it is the wrong one. */
function tensorText(name: string, wrong: string, text: string): string {
  return `{"name":"${name}","shape":[1],"datatype":"FP64","data":[${name === wrong ? text : '25'}]}`;
}

/** A request with both tensors, changed by these fields. */
function tensors(first: object, second: object = {}, more: object = {}): BadRequest {
  const inputs = [first, second].map((fields, i) => ({ ...VALID_TENSOR, name: NAMES[i], ...fields }));
  return json(INFER, JSON.stringify({ inputs, ...more }));
}

function arrow(data: Uint8Array): BadRequest {
  return ['POST', '/predict', ARROW, Buffer.from(data), 400];
}

function arrowColumns(data: Record<string, Float64Array | string[] | boolean[] | Date[]>): BadRequest {
  return arrow(tableToIPC(tableFromArrays(data), 'stream'));
}
