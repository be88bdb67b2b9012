-- The prices with two rolling features: over the last 30 rows of the symbol by date, the row itself included.
-- NULL until there are 30 rows, and where one of the 30 is NULL. (30 stands for the variable "window".)
--   prices  one shard of prices: whole symbols, and the place of each row in the order of Symbol, Date
-- Only the columns that the windows need are partitioned and sorted; the others are put beside them again by place.
-- A NULL spoils the windows of the rows from its own place on. Those that belong to the next symbol have no full window yet.
WITH without_volume AS (
  SELECT unnest(range(place, place + getvariable('window'))) AS place FROM prices WHERE Volume IS NULL
),
without_close AS (
  SELECT unnest(range(place, place + getvariable('window'))) AS place FROM prices WHERE "Adj Close" IS NULL
),
rolling AS (
  SELECT
    place,
    row_number() OVER w AS rows,
    avg(Volume) OVER w AS average,
    median("Adj Close") OVER w AS median
  FROM prices
  WINDOW w AS (
    PARTITION BY Symbol ORDER BY place
    ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW
  )
),
windows AS (
  SELECT
    place,
    CASE WHEN rows >= getvariable('window') AND place NOT IN (FROM without_volume) THEN average END AS vol_moving_avg,
    CASE WHEN rows >= getvariable('window') AND place NOT IN (FROM without_close) THEN median END AS adj_close_rolling_med
  FROM rolling
  ORDER BY place
)
SELECT
  prices.* EXCLUDE (place),
  CASE WHEN windows.place = prices.place THEN vol_moving_avg ELSE error('a row left its place') END AS vol_moving_avg,
  adj_close_rolling_med
FROM prices POSITIONAL JOIN windows
