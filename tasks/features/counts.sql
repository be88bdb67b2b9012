-- What a shard of features holds, counted over the file as it was written.
--   features         the shard, in the order of Symbol, Date
--   variable window  how many rows a window spans
-- A window is full where the row window - 1 before is of the same symbol and none of its values is NULL. Symbols without a NULL are
-- judged by the rows' order alone, which needs no window; the few with one are counted anew.
WITH followed AS (
  SELECT
    *,
    lag(Symbol) OVER () IS DISTINCT FROM Symbol AS is_first,
    lag(Symbol, getvariable('window') - 1) OVER () IS NOT DISTINCT FROM Symbol AS is_full
  FROM features
),
gapped AS (
  SELECT Symbol FROM features WHERE Volume IS NULL
  UNION
  SELECT Symbol FROM features WHERE "Adj Close" IS NULL
),
windows AS (
  SELECT is_full AS has_volumes, is_full AS has_closes, vol_moving_avg, adj_close_rolling_med
  FROM followed
  WHERE Symbol NOT IN (FROM gapped)
  UNION ALL
  SELECT
    count(Volume) OVER w = getvariable('window'),
    count("Adj Close") OVER w = getvariable('window'),
    vol_moving_avg,
    adj_close_rolling_med
  FROM features
  WHERE Symbol IN (FROM gapped)
  WINDOW w AS (PARTITION BY Symbol ORDER BY Date ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
),
values_of_windows AS (
  SELECT
    count(*) AS rows,
    count(*) FILTER (vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL) AS full_windows,
    count(*) FILTER (
      (NOT has_volumes AND vol_moving_avg IS NOT NULL) OR (NOT has_closes AND adj_close_rolling_med IS NOT NULL)
    ) AS too_many,
    count(*) FILTER (
      (has_volumes AND vol_moving_avg IS NULL) OR (has_closes AND adj_close_rolling_med IS NULL)
    ) AS too_few,
    count(*) FILTER (vol_moving_avg < 0) AS negative,
    count(*) FILTER (NOT isfinite(vol_moving_avg) OR NOT isfinite(adj_close_rolling_med)) AS not_finite
  FROM windows
)
SELECT *, (SELECT count(*) FROM followed WHERE is_first) AS symbols
FROM values_of_windows
