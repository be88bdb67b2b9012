-- The prices with two rolling features: over the last 30 rows of the symbol by date, the row itself included.
-- NULL until there are 30 rows, and where one of the 30 is NULL. (30 stands for the variable "window".)
--   prices  one shard of prices: whole symbols
SELECT
  *,
  CASE WHEN count(Volume) OVER w = getvariable('window') THEN avg(Volume) OVER w END AS vol_moving_avg,
  CASE WHEN count("Adj Close") OVER w = getvariable('window') THEN median("Adj Close") OVER w END AS adj_close_rolling_med
FROM prices
WINDOW w AS (
  PARTITION BY Symbol ORDER BY Date
  ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW
)
ORDER BY Symbol, Date
