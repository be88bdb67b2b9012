-- Where to split the rows with full windows by time: the as-of date, the day of the newest row, the
-- first day of the validation block, and the first day of its second half.
--   features                     all shards
--   variable as_of               YYYY-MM-DD, or '' for the day after the last row before today
--   variable today               YYYY-MM-DD
--   variable validation_share    the validation block has at least this share of the rows
WITH cutoff AS (
  SELECT CASE
    WHEN getvariable('as_of') = ''
    THEN CAST(CAST(max(Date) FILTER (Date < getvariable('today')) AS DATE) + 1 AS VARCHAR)
    ELSE getvariable('as_of')
  END AS as_of
  FROM features
),
days AS (
  SELECT Date, count(*) AS rows
  FROM features, cutoff
  WHERE Date < as_of AND vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL
  GROUP BY Date
),
running AS (
  SELECT Date, sum(rows) OVER (ORDER BY Date DESC) AS rows_from_here, sum(rows) OVER () AS all_rows
  FROM days
)
SELECT
  as_of,
  (SELECT max(Date) FROM running) AS newest_row,
  (SELECT max(Date) FROM running WHERE rows_from_here >= all_rows * getvariable('validation_share')) AS validation_from,
  (SELECT max(Date) FROM running WHERE rows_from_here >= all_rows * getvariable('validation_share') / 2) AS measure_from
FROM cutoff
