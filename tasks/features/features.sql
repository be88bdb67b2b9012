-- The prices with two rolling features: over the last 30 rows of the symbol by date, the row itself included.
-- NULL until there are 30 rows, and where one of the 30 is NULL. (30 stands for the variable "window".)
--   prices  one shard of prices: whole symbols, and the place of each row in the order of Symbol, Date
-- Only the columns that the windows need are partitioned and sorted; the others are put beside them again by place.
-- The values in a window are counted only where a symbol has a NULL: elsewhere they are as many as the rows.
WITH gapped AS (
  SELECT Symbol FROM prices WHERE Volume IS NULL
  UNION
  SELECT Symbol FROM prices WHERE "Adj Close" IS NULL
),
rolling AS (
  SELECT
    place,
    row_number() OVER w AS volumes,
    row_number() OVER w AS closes,
    avg(Volume) OVER w AS average,
    median("Adj Close") OVER w AS median
  FROM prices
  WHERE Symbol NOT IN (FROM gapped)
  WINDOW w AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
  UNION ALL
  SELECT
    place,
    count(*) FILTER (Volume IS NOT NULL) OVER counted,
    count(*) FILTER ("Adj Close" IS NOT NULL) OVER counted,
    avg(Volume) OVER counted,
    median("Adj Close") OVER counted
  FROM prices
  WHERE Symbol IN (FROM gapped)
  WINDOW counted AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
),
windows AS (
  SELECT
    place,
    CASE WHEN volumes >= getvariable('window') THEN average END AS vol_moving_avg,
    CASE WHEN closes >= getvariable('window') THEN median END AS adj_close_rolling_med
  FROM rolling
  ORDER BY place
)
SELECT
  prices.* EXCLUDE (place),
  CASE WHEN windows.place = prices.place THEN vol_moving_avg ELSE error('a row left its place') END AS vol_moving_avg,
  adj_close_rolling_med
FROM prices POSITIONAL JOIN windows
