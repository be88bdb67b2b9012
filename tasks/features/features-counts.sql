-- What a shard of features holds, counted over the file as it was written.
--   features         the shard, and the place of each row in the order of Symbol, Date
--   variable window  how many rows a window spans
-- Symbols without a NULL have values from their row "window" on: so many, the first of them there. The few with one are counted anew.
WITH symbols AS (
  SELECT
    Symbol,
    count(*) AS rows,
    greatest(count(*) - getvariable('window') + 1, 0) AS full_rows,
    min(place) + getvariable('window') - 1 AS first_full,
    count(*) - count(Volume) + count(*) - count("Adj Close") AS nulls,
    count(vol_moving_avg) AS averages,
    min(place) FILTER (vol_moving_avg IS NOT NULL) AS first_average,
    count(adj_close_rolling_med) AS medians,
    min(place) FILTER (adj_close_rolling_med IS NOT NULL) AS first_median,
    count(*) FILTER (vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL) AS full_windows,
    count(*) FILTER (vol_moving_avg < 0) AS negative,
    count(*) FILTER (NOT isfinite(vol_moving_avg) OR NOT isfinite(adj_close_rolling_med)) AS not_finite
  FROM features
  GROUP BY Symbol
),
of_whole_symbols AS (
  SELECT
    sum(
      greatest(averages - full_rows, CAST(first_average < first_full AS INTEGER), 0)
      + greatest(medians - full_rows, CAST(first_median < first_full AS INTEGER), 0)
    ) AS too_many,
    sum(greatest(full_rows - averages, 0) + greatest(full_rows - medians, 0)) AS too_few
  FROM symbols
  WHERE nulls = 0
),
recounted AS (
  SELECT
    count(Volume) OVER w = getvariable('window') AS has_volumes,
    count("Adj Close") OVER w = getvariable('window') AS has_closes,
    vol_moving_avg IS NOT NULL AS has_average,
    adj_close_rolling_med IS NOT NULL AS has_median
  FROM features
  WHERE Symbol IN (SELECT Symbol FROM symbols WHERE nulls > 0)
  WINDOW w AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
),
of_gapped_symbols AS (
  SELECT
    count(*) FILTER (has_average AND NOT has_volumes) + count(*) FILTER (has_median AND NOT has_closes) AS too_many,
    count(*) FILTER (has_volumes AND NOT has_average) + count(*) FILTER (has_closes AND NOT has_median) AS too_few
  FROM recounted
)
SELECT
  CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows,
  count(*) AS symbols,
  CAST(coalesce(sum(full_windows), 0) AS BIGINT) AS full_windows,
  CAST(coalesce(any_value(of_whole_symbols.too_many), 0) + any_value(of_gapped_symbols.too_many) AS BIGINT) AS too_many,
  CAST(coalesce(any_value(of_whole_symbols.too_few), 0) + any_value(of_gapped_symbols.too_few) AS BIGINT) AS too_few,
  CAST(coalesce(sum(negative), 0) AS BIGINT) AS negative,
  CAST(coalesce(sum(not_finite), 0) AS BIGINT) AS not_finite
FROM symbols, of_whole_symbols, of_gapped_symbols
