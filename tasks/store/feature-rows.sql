-- The rows with full windows in a range of days.
--   features                       all shards
--   variables from_day, until_day  YYYY-MM-DD, both inclusive
SELECT CAST(Volume AS DOUBLE) AS volume, vol_moving_avg, adj_close_rolling_med
FROM features
WHERE
  Date BETWEEN getvariable('from_day') AND getvariable('until_day')
  AND vol_moving_avg IS NOT NULL
  AND adj_close_rolling_med IS NOT NULL
ORDER BY Symbol, Date
