-- The rows of a span of days, less each symbol's last ones before its end, in log units (those of logVolume and signedLog in model/arithmetic.ts).
-- A row counts half as much for each half-life by which it is older than the validation block.
--   features                      one shard, by Symbol, Date
--   variables from_day, until_day YYYY-MM-DD, the second excluded
--             embargo             how many rows of each symbol are left out
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
  CAST(ln(1 + vol_moving_avg) AS FLOAT) AS log_average,
  CAST(sign(adj_close_rolling_med) * ln(1 + abs(adj_close_rolling_med)) AS FLOAT) AS signed_log_median,
  CAST(ln(1 + Volume) - ln(1 + vol_moving_avg) AS FLOAT) AS log_ratio,
  CAST(power(0.5, greatest(0, date_diff('day', CAST(Date AS DATE), CAST(getvariable('validation_from') AS DATE))) / 365.25 / getvariable('half_life')) AS FLOAT) AS weight
FROM full_windows
QUALIFY lead(Symbol, getvariable('embargo')) OVER () = Symbol
