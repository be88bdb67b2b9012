import { createHash } from 'node:crypto';
import { tableFromArrays, tableToIPC } from 'apache-arrow';

/** A request that cannot be answered: its method, path, media type, body and the status that is due. */
export type Bad = [method: string, path: string, type: string, body: Buffer, status: number];

export const ARROW = 'application/vnd.apache.arrow.stream';
const WRONG = [
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
const TEXTS = [
  '',
  ...WRONG.filter((text) => text !== '.5').map(encodeURIComponent),
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

/** Bad requests of every kind; nearly each has but one thing wrong with it. */
export function badRequests(): Bad[] {
  const row = (name: string, text: string) =>
    `{${NAMES.map((one) => `"${one}":${one === name ? text : '25'}`).join()}}`;
  const tensor = (name: string, wrong: string, text: string) =>
    `{"name":"${name}","shape":[1],"datatype":"FP64","data":[${name === wrong ? text : '25'}]}`;
  const json = (path: string, text: string, status = 400): Bad => [
    'POST',
    path,
    'application/json',
    Buffer.from(text),
    status,
  ];
  const infer = '/v2/models/volume/infer';
  const none = Buffer.alloc(0);
  const get = (path: string, status: number): Bad => ['GET', path, '', none, status];
  const ipc = Buffer.from(
    tableToIPC(
      tableFromArrays({ vol_moving_avg: Float64Array.of(1), adj_close_rolling_med: Float64Array.of(1) }),
      'stream',
    ),
  );
  const arrow = (data: Uint8Array): Bad => ['POST', '/predict', ARROW, Buffer.from(data), 400];
  const columns = (data: Record<string, Float64Array | string[] | boolean[] | Date[]>) =>
    arrow(tableToIPC(tableFromArrays(data), 'stream'));
  const one = Float64Array.of(1);
  const sound = { name: '', shape: [1], datatype: 'FP64', data: [1] };
  const tensors = (first: object, second: object = {}, more: object = {}) =>
    json(
      infer,
      JSON.stringify({
        inputs: [first, second].map((one, i) => ({ ...sound, name: NAMES[i], ...one })),
        ...more,
      }),
    );
  const body = `{"instances":[${row('', '')}]}`;
  return [
    ...NAMES.flatMap((name) => {
      const other = NAMES.find((one) => one !== name);
      return [
        ...TEXTS.map((text) => get(`/predict?${name}=${text}&${other}=1`, 400)),
        ...WRONG.map((text) => json('/predict', `{"instances":[${row(name, text)}]}`)),
        ...WRONG.filter((text) => text !== '[1]').map((text) =>
          json(infer, `{"inputs":[${NAMES.map((one) => tensor(one, name, text)).join()}]}`),
        ),
        get(`/predict?${name}=1&${name}=1&${other}=1`, 400),
        get(`/predict?${other}=1`, 400),
        get(`/predict?${name}=x&${other}=x&detail=x`, 400),
      ];
    }),
    ...WRONG.map((text) => json('/predict', text)),
    ...WRONG.map((text) => json('/predict', `{"instances":${text}}`)),
    json('/predict', JSON.stringify({ instances: Array(100_000).fill({}) })),
    ...WRONG.map((text) => json(infer, `{"inputs":${text}}`)),
    ...Array.from({ length: body.length }, (_, length) => json('/predict', body.slice(0, length))),
    ...Array.from({ length: ipc.length / 8 - 1 }, (_, i) => arrow(ipc.subarray(0, i * 8))),
    ...Array.from({ length: 32 }, (_, i) =>
      arrow(Buffer.alloc(64, createHash('sha256').update(String(i)).digest())),
    ),
    arrow(tableToIPC(tableFromArrays({ vol_moving_avg: one, adj_close_rolling_med: one }), 'file')),
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
    json(infer, JSON.stringify({ inputs: [{ ...sound, name: NAMES[0] }] })),
    json(infer, JSON.stringify({ inputs: [0, 1, 0].map((i) => ({ ...sound, name: NAMES[i] })) })),
    ...Array.from({ length: 40 }, (_, length) =>
      json(infer, '{"inputs":[{"name":"vol_moving_avg","shape":[1]}]}'.slice(0, length)),
    ),
    ...['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', ARROW].map(
      (type): Bad => ['POST', infer, type, Buffer.from('{}'), 415],
    ),
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
    ...[
      'k'.repeat(100_000),
      'vol_moving_avg ',
      'vol\u0000_moving_avg',
      'ｖol_moving_avg',
      '__proto__',
      'constructor',
    ].map((key) => json('/predict', `{"instances":[{"${key}":1,"adj_close_rolling_med":1}]}`)),
    ...['text/plain', 'application/xml', 'application/jsonx', 'multipart/form-data', ''].map(
      (type): Bad => ['POST', '/predict', type, Buffer.from(body), 415],
    ),
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE'].map(
      (method): Bad => [method, '/predict', '', none, 405],
    ),
    ...['/', '/page/main.js', '/reports/model', '/reports/walk-forward'].map(
      (path): Bad => ['DELETE', path, '', none, 405],
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
    columns({ vol_moving_avg: one }),
    columns({ vol_moving_avg: one, adj_close_rolling_med: ['1'] }),
    columns({ vol_moving_avg: one, adj_close_rolling_med: [new Date(0)] }),
    columns({ Vol_moving_avg: one, adj_close_rolling_med: one }),
    columns({ vol_moving_avg: one, adj_close_rolling_med: Float64Array.of(Number.POSITIVE_INFINITY) }),
    columns({ vol_moving_avg: [true], adj_close_rolling_med: one }),
    columns({ vol_moving_avg: Float64Array.of(-1), adj_close_rolling_med: one }),
    columns({ vol_moving_avg: Float64Array.of(Number.NaN), adj_close_rolling_med: one }),
    json('/predict', `{"instances":[${'1,'.repeat(100_000)}1]}`, 413),
    json('/predict', ' '.repeat(16 * 2 ** 20 + 1), 413),
    json('/predict', '['.repeat(100_000)),
    ...['/predict', infer].flatMap((path) => [
      json(path, `[[${'0,'.repeat(100_000)}0]]`),
      json(path, `[${'0,'.repeat(1_000_000)}0]`),
    ]),
    json('/predict', `{"${'k'.repeat(100_000)}":1,"__proto__":{"instances":[]}}`),
  ];
}
