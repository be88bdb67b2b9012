-- The rows of some days with full windows, in shares and dollars, with the features of the symbol's
-- row before: those that were known the evening before. Both are NaN where that row lacks one.
--   features                      one shard, by Symbol, Date
--   variables from_day, until_day YYYY-MM-DD, until_day excluded
--             etfs                the symbols that are ETFs
SELECT
  CAST(left(Date, 4) AS INTEGER) AS year,
  CAST(list_contains(getvariable('etfs'), Symbol) AS INTEGER) AS is_etf,
  CAST(Volume AS DOUBLE) AS volume,
  vol_moving_avg,
  adj_close_rolling_med,
  CASE WHEN is_known THEN lag(vol_moving_avg) OVER () ELSE 'NaN' END AS vol_moving_avg_lag_1,
  CASE WHEN is_known THEN lag(adj_close_rolling_med) OVER () ELSE 'NaN' END AS adj_close_rolling_med_lag_1
FROM (
  SELECT
    *,
    coalesce(
      lag(Symbol) OVER () = Symbol
      AND lag(vol_moving_avg) OVER () IS NOT NULL
      AND lag(adj_close_rolling_med) OVER () IS NOT NULL,
      false
    ) AS is_known
  FROM features
)
QUALIFY
  Date >= getvariable('from_day')
  AND Date < getvariable('until_day')
  AND vol_moving_avg IS NOT NULL
  AND adj_close_rolling_med IS NOT NULL
