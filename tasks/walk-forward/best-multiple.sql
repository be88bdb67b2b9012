-- The constant multiple of vol_moving_avg with the least mean absolute error before a day: the median of Volume / vol_moving_avg,
-- each row weighing vol_moving_avg, to three decimals. NULL where no row lies before it.
--   features        all shards
--   variable as_of  YYYY-MM-DD
WITH ratios AS (
  SELECT round(Volume / vol_moving_avg, 3) AS multiple, sum(vol_moving_avg) AS weight
  FROM features
  WHERE Date < getvariable('as_of') AND vol_moving_avg > 0 AND adj_close_rolling_med IS NOT NULL
  GROUP BY multiple
),
summed AS (
  SELECT multiple, sum(weight) OVER (ORDER BY multiple) AS until_here, sum(weight) OVER () AS total FROM ratios
)
SELECT min(multiple) AS multiple FROM summed WHERE until_here >= total / 2
