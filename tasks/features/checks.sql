-- What must hold for a shard of features before it is published: each line counts the rows that break a promise.
--   prices    the shard that the features were made from
--   features  the shard as written
WITH symbols AS (
  SELECT
    Symbol,
    count(*) AS rows,
    count(*) FILTER (vol_moving_avg IS NOT NULL) AS averages,
    count(*) FILTER (adj_close_rolling_med IS NOT NULL) AS medians
  FROM features
  GROUP BY Symbol
)
SELECT 'one_row_out_for_one_row_in' AS name, abs((SELECT count(*) FROM features) - (SELECT count(*) FROM prices)) AS value
UNION ALL
SELECT 'no_value_before_a_full_window', count(*)
FROM symbols
WHERE greatest(averages, medians) > greatest(rows - getvariable('window') + 1, 0)
UNION ALL
SELECT 'average_is_not_negative', count(*) FROM features WHERE vol_moving_avg < 0
UNION ALL
SELECT 'features_are_finite', count(*)
FROM features
WHERE NOT isfinite(vol_moving_avg) OR NOT isfinite(adj_close_rolling_med)
