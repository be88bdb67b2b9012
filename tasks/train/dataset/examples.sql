-- The rows of some days with full windows, without the last ones of each symbol, in the log units
-- of model/arithmetic.ts. A row's weight halves with each half-life of its age, counted from the
-- first day of the validation block.
--   features                      one shard, by Symbol, Date
--   variables from_day, until_day YYYY-MM-DD, until_day excluded
--             embargo             how many rows at the end of each symbol are left out
--             validation_from     YYYY-MM-DD
--             half_life           in years
WITH full_windows AS (
  SELECT Symbol, Date, Volume, vol_moving_avg, adj_close_rolling_med
  FROM features
  WHERE
    Date >= getvariable('from_day')
    AND Date < getvariable('until_day')
    AND vol_moving_avg IS NOT NULL
    AND adj_close_rolling_med IS NOT NULL
)
SELECT
  CAST(ln(1 + vol_moving_avg) AS FLOAT) AS log_vol_moving_avg,
  CAST(sign(adj_close_rolling_med) * ln(1 + abs(adj_close_rolling_med)) AS FLOAT) AS signed_log_adj_close_rolling_med,
  CAST(ln(1 + Volume) - ln(1 + vol_moving_avg) AS FLOAT) AS log_ratio,
  CAST(power(0.5, greatest(0, date_diff('day', CAST(Date AS DATE), CAST(getvariable('validation_from') AS DATE))) / 365.25 / getvariable('half_life')) AS FLOAT) AS weight
FROM full_windows
QUALIFY lead(Symbol, getvariable('embargo')) OVER () = Symbol
