import fc from 'fast-check';
import { expect, it } from 'vitest';
import { matchUsualSpelling } from '../../../serving/http/fast-path.ts';
import { parseQuery } from '../../../serving/http/query.ts';
import { RequestError } from '../../../serving/problem.ts';
import { scoreRow } from '../../../serving/scoring/score-row.ts';
import { inService } from '../../../serving/scoring/service.ts';
import { dense, modelOf, predict } from '../../support/tiny-model.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const positive = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const weight = fc.float({ min: -50, max: 50, noNaN: true });

it('reads every finite number as JavaScript writes it', () => {
  fc.assert(
    fc.property(positive, finite, (volMovingAvg, adjCloseRollingMed) => {
      const query = `vol_moving_avg=${encodeURIComponent(volMovingAvg)}&adj_close_rolling_med=${encodeURIComponent(adjCloseRollingMed)}`;
      const read = parseQuery(query);
      expect(read.volMovingAvg + 0).toBe(volMovingAvg + 0);
      expect(read.adjCloseRollingMed + 0).toBe(adjCloseRollingMed + 0);
    }),
  );
});

it('reads the usual spelling as parseQuery does', () => {
  const digits = fc.stringMatching(/^\d{1,22}$/);
  const plain = fc.tuple(fc.constantFrom('', '-', '+'), digits, fc.constantFrom('', '.'), fc.option(digits));
  const odd = fc.string({ unit: fc.constantFrom(...'0123456789.-+eE%&=?#_ ,'), maxLength: 8 });
  const text = fc.oneof(
    { weight: 8, arbitrary: plain.map(([sign, whole, point, part]) => sign + whole + point + (part ?? '')) },
    { weight: 1, arbitrary: fc.double().map(String) },
    { weight: 2, arbitrary: odd },
  );
  const end = fc.constantFrom('', '', '', '', '', '', '&', '#', '&detail=1', '&vol_moving_avg=2');
  let agreed = 0;
  fc.assert(
    fc.property(text, text, end, (volMovingAvg, adjCloseRollingMed, more) => {
      const query = `vol_moving_avg=${volMovingAvg}&adj_close_rolling_med=${adjCloseRollingMed}${more}`;
      const read = matchUsualSpelling(`/predict?${query}`);
      if (read === null) return;
      agreed++;
      expect({ volMovingAvg: read[0], adjCloseRollingMed: read[1], detail: false }).toStrictEqual(
        parseQuery(query),
      );
    }),
    { numRuns: 10_000 },
  );
  expect(agreed).toBeGreaterThan(100);
});

it.each([
  '/predict?vol_moving_avg=12345&adj_close_rolling_med=25',
  '/predict?vol_moving_avg=0.5&adj_close_rolling_med=-3.25',
])('has the usual spelling in %s', (url) => {
  expect(matchUsualSpelling(url)).not.toBeNull();
});

it('reads finite numbers from any text, or throws a 400 that names a parameter', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (one, other) => {
      try {
        const { volMovingAvg, adjCloseRollingMed } = parseQuery(
          `vol_moving_avg=${one}&adj_close_rolling_med=${other}`,
        );
        expect(
          Number.isFinite(volMovingAvg) && volMovingAvg >= 0 && Number.isFinite(adjCloseRollingMed),
        ).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError);
        expect((error as RequestError).status).toBe(400);
        expect((error as RequestError).fieldErrors[0]?.parameter).toBeTruthy();
      }
    }),
    { numRuns: 1_000 },
  );
});

it('predicts ordered, finite quantiles and an integer between their roundings, for any weights and inputs', () => {
  const kernel = fc.array(fc.array(weight, { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 2 });
  const bias = fc.array(weight, { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(kernel, bias, positive, finite, (weights, offsets, volMovingAvg, adjCloseRollingMed) => {
      const model = modelOf([dense(weights, offsets)]);
      const { p10, p50, p90 } = predict(model, volMovingAvg, adjCloseRollingMed);
      expect(0 <= p10 && p10 <= p50 && p50 <= p90 && p90 <= Number.MAX_SAFE_INTEGER).toBe(true);
      const current = inService(model);
      const { prediction } = scoreRow({ current }, current, volMovingAvg, adjCloseRollingMed);
      expect(Number.isSafeInteger(prediction)).toBe(true);
      expect(Math.round(p10) <= prediction && prediction <= Math.round(p90)).toBe(true);
    }),
  );
});
