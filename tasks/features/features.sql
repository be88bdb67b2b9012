-- The prices with two rolling features: over the last 30 rows of the symbol by date, the row itself included.
-- NULL until there are 30 rows, and where one of the 30 is NULL. (30 stands for the variable "window".)
--   prices  one shard of prices: whole symbols, and the place of each row in the order of Symbol, Date
-- Only the columns that the windows need are partitioned and sorted; the others are put beside them again by place.
WITH windows AS (
  SELECT
    place,
    CASE WHEN count(*) FILTER (Volume IS NOT NULL) OVER w = getvariable('window') THEN avg(Volume) OVER w END AS vol_moving_avg,
    CASE WHEN count(*) FILTER ("Adj Close" IS NOT NULL) OVER w = getvariable('window') THEN median("Adj Close") OVER w END AS adj_close_rolling_med
  FROM prices
  WINDOW w AS (
    PARTITION BY Symbol ORDER BY place
    ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW
  )
  ORDER BY place
)
SELECT
  prices.* EXCLUDE (place),
  CASE WHEN windows.place = prices.place THEN vol_moving_avg ELSE error('a row left its place') END AS vol_moving_avg,
  adj_close_rolling_med
FROM prices POSITIONAL JOIN windows
