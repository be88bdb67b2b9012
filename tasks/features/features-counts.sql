-- Counts what is in a shard of features, as read back from its file.
--   features         the shard, with "place": the number of the row in the order of Symbol, Date
--   variable window  the number of rows in a window
-- A symbol without NULLs has values from its row number "window" to its last row. For these, the
-- number of values and the place of the first are enough. Others need each window counted.
WITH symbols AS (
  SELECT
    Symbol,
    count(*) AS rows,
    greatest(count(*) - getvariable('window') + 1, 0) AS expected_values,
    min(place) + getvariable('window') - 1 AS expected_first,
    count(*) - count(Volume) + count(*) - count("Adj Close") AS nulls,
    count(vol_moving_avg) AS avg_values,
    min(place) FILTER (vol_moving_avg IS NOT NULL) AS avg_first,
    count(adj_close_rolling_med) AS med_values,
    min(place) FILTER (adj_close_rolling_med IS NOT NULL) AS med_first,
    count(*) FILTER (vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL) AS full_windows,
    count(*) FILTER (vol_moving_avg < 0) AS negative,
    count(*) FILTER (NOT isfinite(vol_moving_avg) OR NOT isfinite(adj_close_rolling_med)) AS not_finite
  FROM features
  GROUP BY Symbol
),
without_nulls AS (
  SELECT
    sum(
      greatest(avg_values - expected_values, CAST(avg_first < expected_first AS INTEGER), 0)
      + greatest(med_values - expected_values, CAST(med_first < expected_first AS INTEGER), 0)
    ) AS extra_values,
    sum(greatest(expected_values - avg_values, 0) + greatest(expected_values - med_values, 0)) AS missing_values
  FROM symbols
  WHERE nulls = 0
),
windows_with_nulls AS (
  SELECT
    count(Volume) OVER w = getvariable('window') AS needs_avg,
    count("Adj Close") OVER w = getvariable('window') AS needs_med,
    vol_moving_avg IS NOT NULL AS has_avg,
    adj_close_rolling_med IS NOT NULL AS has_med
  FROM features
  WHERE Symbol IN (SELECT Symbol FROM symbols WHERE nulls > 0)
  WINDOW w AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
),
with_nulls AS (
  SELECT
    count(*) FILTER (has_avg AND NOT needs_avg) + count(*) FILTER (has_med AND NOT needs_med) AS extra_values,
    count(*) FILTER (needs_avg AND NOT has_avg) + count(*) FILTER (needs_med AND NOT has_med) AS missing_values
  FROM windows_with_nulls
)
SELECT
  CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows,
  count(*) AS symbols,
  CAST(coalesce(sum(full_windows), 0) AS BIGINT) AS full_windows,
  CAST(coalesce(any_value(without_nulls.extra_values), 0) + any_value(with_nulls.extra_values) AS BIGINT) AS extra_values,
  CAST(coalesce(any_value(without_nulls.missing_values), 0) + any_value(with_nulls.missing_values) AS BIGINT) AS missing_values,
  CAST(coalesce(sum(negative), 0) AS BIGINT) AS negative,
  CAST(coalesce(sum(not_finite), 0) AS BIGINT) AS not_finite
FROM symbols, without_nulls, with_nulls
