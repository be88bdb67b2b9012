-- The rows with full windows of the days on which two models are compared.
--   features                          all shards
--   variables block_from, block_until YYYY-MM-DD, both included
SELECT CAST(Volume AS DOUBLE) AS volume, vol_moving_avg, adj_close_rolling_med
FROM features
WHERE
  Date BETWEEN getvariable('block_from') AND getvariable('block_until')
  AND vol_moving_avg IS NOT NULL
  AND adj_close_rolling_med IS NOT NULL
ORDER BY Symbol, Date
