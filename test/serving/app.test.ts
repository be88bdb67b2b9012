import { describe, expect, it } from 'vitest';
import { createApp } from '../../serving/app.ts';
import { createRoutes } from '../../serving/routes/routes.ts';
import { inService, type Service } from '../../serving/scoring/service.ts';
import { constantModel } from '../support/tiny-model.ts';

// A log ratio of ln 2 doubles 1 + vol_moving_avg: 12345 gives 2 * 12346 - 1 = 24691.
const app = appOf({ current: inService(constantModel([Math.LN2, 0, 0], '2020-04-02')) });

describe('GET /predict', () => {
  it.each([
    ['vol_moving_avg=12345&adj_close_rolling_med=25', '24691'],
    ['vol_moving_avg=0&adj_close_rolling_med=0', '1'],
    ['vol_moving_avg=1e3&adj_close_rolling_med=2.5E1', '2001'],
    ['vol_moving_avg=.5&adj_close_rolling_med=25.', '2'],
    ['vol_moving_avg=12345&adj_close_rolling_med=-3.25', '24691'],
    ['adj_close_rolling_med=25&vol_moving_avg=12345&anything=else', '24691'],
    ['vol_moving_avg=-0&adj_close_rolling_med=-0', '1'],
    ['vol_moving_avg=0012345&adj_close_rolling_med=1e-320', '24691'],
  ])('answers %s with the bare integer %s', async (query, volume) => {
    const response = await app.request(`/predict?${query}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe(volume);
  });

  it('answers with plain digits for the largest numbers', async () => {
    const response = await app.request('/predict?vol_moving_avg=1e308&adj_close_rolling_med=-1e308');
    expect(await response.text()).toBe(String(Number.MAX_SAFE_INTEGER));
  });

  const names = ['vol_moving_avg', 'adj_close_rolling_med'] as const;
  const unusable: [string, string][] = [
    ['empty', ''],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['-Infinity', '-Infinity'],
    ['too large for a double', '1e400'],
    ['hexadecimal', '0x10'],
    ['octal', '0o17'],
    ['a space', '%20'],
    ['preceded by a space', '%2012'],
    ['followed by a space', '12%20'],
    ['followed by a line feed', '12%0A'],
    ['split by a space', '1%202'],
    ['a decimal comma', '1,5'],
    ['grouped by commas', '1,000,000'],
    ['grouped by underscores', '1_000'],
    ['preceded by a plus sign', '%2B5'],
    ["preceded by a form's encoding of a space", '+5'],
    ['Arabic digits', encodeURIComponent('١٢')],
    ['full-width digits', encodeURIComponent('１２')],
    ['a Unicode minus', encodeURIComponent('−5')],
    ['a lone point', '.'],
    ['a lone minus', '-'],
    ['an exponent without digits', '1e'],
    ['a BigInt', '5n'],
    ['null', 'null'],
    ['text', 'many'],
    ['broken percent-encoding', '%ZZ'],
    ['a null byte', '5%00'],
    ['100,000 digits', '9'.repeat(100_000)],
  ];
  for (const name of names) {
    const other = names.find((one) => one !== name);

    it.each(unusable)(`refuses ${name} when it is %s`, async (_, text) => {
      await expectProblem(`/predict?${name}=${text}&${other}=25`, name);
    });

    it(`refuses ${name} when it is missing`, async () => {
      await expectProblem(`/predict?${other}=25`, name);
      await expectProblem(`/predict?${other}=25&${name}[]=5&${name.toUpperCase()}=5`, name);
    });

    it(`refuses ${name} when it is given twice, even with the same value`, async () => {
      await expectProblem(`/predict?${name}=25&${other}=25&${name}=25`, name);
    });
  }

  it('refuses a negative vol_moving_avg', async () => {
    await expectProblem('/predict?vol_moving_avg=-0.001&adj_close_rolling_med=25', 'vol_moving_avg');
  });

  it('names every wrong parameter, each with its reason', async () => {
    const response = await app.request('/predict?vol_moving_avg=-1&adj_close_rolling_med=&detail=yes');
    expect(response.status).toBe(400);
    const errors = [
      { parameter: 'vol_moving_avg', detail: 'vol_moving_avg must not be negative' },
      {
        parameter: 'adj_close_rolling_med',
        detail: 'adj_close_rolling_med is empty; give it as adj_close_rolling_med=25.5',
      },
      { parameter: 'detail', detail: 'detail must be 1 or 0' },
    ];
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: errors.map(({ detail }) => detail).join('; '),
      parameter: 'vol_moving_avg',
      errors,
    });
  });

  async function expectProblem(path: string, parameter: string): Promise<void> {
    const response = await app.request(path);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      parameter,
    });
    expect(JSON.parse(text).detail).toContain(parameter);
    expect(text.length).toBeLessThan(400);
  }
});

it.each(['/predict/', '/Predict', '/health', '/nothing?vol_moving_avg=1'])(
  'GET %s is a 404 that names a valid request',
  async (path) => {
    const response = await app.request(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const problem = JSON.parse(await response.text());
    expect(problem).toMatchObject({ type: 'about:blank', title: 'Not Found', status: 404 });
    expect(problem.detail).toContain('/predict?vol_moving_avg=');
  },
);

it('answers 405 to PUT /predict', async () => {
  const response = await app.request('/predict?vol_moving_avg=1&adj_close_rolling_med=1', { method: 'PUT' });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('GET, HEAD, POST');
});

it.each([
  ['/predict', '{"instances":[{"vol_moving_avg":999,', '"adj_close_rolling_med":1}]}'],
  [
    '/v2/models/volume/infer',
    '{"inputs":[{"name":"vol_moving_avg","shape":[1],"datatype":"FP64","data":[999]},',
    '{"name":"adj_close_rolling_med","shape":[1],"datatype":"FP64","data":[1]}]}',
  ],
])(
  'POST %s names the model that scored, even if another was loaded while the body arrived',
  async (path, first, second) => {
    const halves = [first, second];
    const service: Service = { current: inService(constantModel([Math.LN2, 0, 0], '2020-04-02')) };
    const swapping = appOf(service);
    const body = new ReadableStream({
      pull(controller) {
        const half = halves.shift();
        if (half === undefined) return controller.close();
        if (halves.length === 0)
          service.current = inService(constantModel([Math.log(3), 0, 0], '2020-05-02'));
        controller.enqueue(Buffer.from(half));
      },
    });
    const headers = { 'content-type': 'application/json' };
    const response = await swapping.request(path, { method: 'POST', headers, body, duplex: 'half' });
    // 3 (1 + 999) - 1
    expect(await response.text()).toContain('2999');
    expect(response.headers.get('x-model-version')).toBe('2020-05-02');
  },
);

it('is live', async () => {
  expect((await app.request('/health/live')).status).toBe(200);
});

it('is ready, and names its model', async () => {
  const response = await app.request('/health/ready');
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: 'ready', model: '2020-04-02' });
});

function appOf(service: Service) {
  return createApp(createRoutes(service), (error) => {
    throw error;
  });
}
