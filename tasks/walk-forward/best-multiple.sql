-- The constant multiple of vol_moving_avg with the lowest mean absolute error before a day, to
-- three decimals: the median of Volume / vol_moving_avg, where each row weighs vol_moving_avg. NULL
-- if there is no earlier row.
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
