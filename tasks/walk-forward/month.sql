-- The rows with full windows of the month that begins on a day.
--   features        all shards
--   variable as_of  YYYY-MM-DD
SELECT CAST(Volume AS DOUBLE) AS volume, vol_moving_avg, adj_close_rolling_med
FROM features
WHERE
  Date >= getvariable('as_of')
  AND Date < CAST(CAST(CAST(getvariable('as_of') AS DATE) + INTERVAL 1 MONTH AS DATE) AS VARCHAR)
  AND vol_moving_avg IS NOT NULL
  AND adj_close_rolling_med IS NOT NULL
ORDER BY Symbol, Date
