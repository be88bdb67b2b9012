-- What a shard of features holds, counted in one pass over the file as it was written.
--   features  the shard
WITH symbols AS (
  SELECT
    count(*) AS rows,
    count(vol_moving_avg) AS averages,
    count(adj_close_rolling_med) AS medians,
    count(*) - count(Volume) AS without_volume,
    count(*) - count("Adj Close") AS without_close,
    count(*) FILTER (vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL) AS full_windows,
    count(*) FILTER (vol_moving_avg < 0) AS negative,
    count(*) FILTER (NOT isfinite(vol_moving_avg) OR NOT isfinite(adj_close_rolling_med)) AS not_finite
  FROM features
  GROUP BY Symbol
)
SELECT
  CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows,
  count(*) AS symbols,
  CAST(coalesce(sum(full_windows), 0) AS BIGINT) AS full_windows,
  count(*) FILTER (greatest(averages, medians) > greatest(rows - getvariable('window') + 1, 0)) AS too_many,
  -- A row without a value has no part in full windows: it may leave out as many as a window spans.
  count(*) FILTER (
    averages < rows - getvariable('window') + 1 - without_volume * getvariable('window')
    OR medians < rows - getvariable('window') + 1 - without_close * getvariable('window')
  ) AS too_few,
  CAST(coalesce(sum(negative), 0) AS BIGINT) AS negative,
  CAST(coalesce(sum(not_finite), 0) AS BIGINT) AS not_finite
FROM symbols
