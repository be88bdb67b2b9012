-- The rows to validate on, in shares and dollars, with the features of the row before: what was known the evening before
-- (both NaN where that row lacks one of them).
--   features                     one shard
--   variables validation_from, measure_from, as_of
-- Those before measure_from calibrate, the others measure. The year parts the scores.
SELECT
  CAST(Date >= getvariable('measure_from') AS INTEGER) AS is_measured,
  CAST(left(Date, 4) AS INTEGER) AS year,
  CAST(Volume AS DOUBLE) AS volume,
  vol_moving_avg,
  adj_close_rolling_med,
  coalesce(CASE WHEN lag(adj_close_rolling_med) OVER symbol IS NOT NULL THEN lag(vol_moving_avg) OVER symbol END, 'NaN') AS vol_moving_avg_lag_1,
  coalesce(CASE WHEN lag(vol_moving_avg) OVER symbol IS NOT NULL THEN lag(adj_close_rolling_med) OVER symbol END, 'NaN') AS adj_close_rolling_med_lag_1
FROM features
WHERE Date < getvariable('as_of')
WINDOW symbol AS (PARTITION BY Symbol ORDER BY Date)
QUALIFY Date >= getvariable('validation_from') AND vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL
ORDER BY Symbol, Date
