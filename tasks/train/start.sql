-- Where the log ratio lies in all rows before the validation block, from which the network starts: its p10, p50 and p90, to a hundredth.
-- Counted in whole numbers, so that neither threads nor the order of rows change a bit of them.
--   features                    all shards
--   variable validation_from
WITH counts AS (
  SELECT round(100 * (ln(1 + Volume) - ln(1 + vol_moving_avg))) AS hundredths, count(*) AS rows
  FROM features
  WHERE Date < getvariable('validation_from') AND vol_moving_avg IS NOT NULL AND adj_close_rolling_med IS NOT NULL
  GROUP BY hundredths
),
running AS (
  SELECT hundredths, sum(rows) OVER (ORDER BY hundredths) AS rows_up_to_here, sum(rows) OVER () AS all_rows
  FROM counts
)
SELECT
  min(hundredths) FILTER (rows_up_to_here >= 0.1 * all_rows) / 100 AS p10,
  min(hundredths) FILTER (rows_up_to_here >= 0.5 * all_rows) / 100 AS p50,
  min(hundredths) FILTER (rows_up_to_here >= 0.9 * all_rows) / 100 AS p90
FROM running
