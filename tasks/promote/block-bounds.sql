-- The first and the last of the newest days of the features, and their number of rows that no model
-- has seen.
--   features               all shards
--   variables unseen_from  YYYY-MM-DD
--             block_days   number of calendar days
--             today        YYYY-MM-DD; later rows do not count
WITH full_windows AS (
  SELECT Date
  FROM features
  WHERE Date <= getvariable('today') AND vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL
),
last AS (
  SELECT max(Date) AS day, CAST(CAST(CAST(max(Date) AS DATE) - getvariable('block_days') + 1 AS DATE) AS VARCHAR) AS newest_from
  FROM full_windows
)
SELECT
  day AS block_until,
  newest_from,
  (SELECT count(*) FROM full_windows WHERE Date >= greatest(newest_from, getvariable('unseen_from'))) AS unseen_rows
FROM last
