-- The prices with two features, each over a window of the symbol's last 30 rows by date, own row
-- included.
-- NULL until there are 30 rows, and where one of the 30 values is NULL.
--   prices           one shard of prices, with "place": the number of the row in the order of
--                    Symbol, Date
--   variable window  the number of rows in a window: 30
-- For speed, only the columns of the windows are partitioned and sorted; the others are joined by
-- place.
-- Only symbols with a NULL need the values in a window counted. For others, the row number is the
-- count.
WITH with_nulls AS (
  SELECT Symbol FROM prices WHERE Volume IS NULL
  UNION
  SELECT Symbol FROM prices WHERE "Adj Close" IS NULL
),
rolling AS (
  SELECT
    place,
    row_number() OVER w AS volumes,
    row_number() OVER w AS closes,
    avg(Volume) OVER w AS moving_avg,
    median("Adj Close") OVER w AS rolling_med
  FROM prices
  WHERE Symbol NOT IN (FROM with_nulls)
  WINDOW w AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
  UNION ALL
  SELECT
    place,
    count(*) FILTER (Volume IS NOT NULL) OVER counted,
    count(*) FILTER ("Adj Close" IS NOT NULL) OVER counted,
    avg(Volume) OVER counted,
    median("Adj Close") OVER counted
  FROM prices
  WHERE Symbol IN (FROM with_nulls)
  WINDOW counted AS (PARTITION BY Symbol ORDER BY place ROWS BETWEEN getvariable('window') - 1 PRECEDING AND CURRENT ROW)
),
windows AS (
  SELECT
    place,
    CASE WHEN volumes >= getvariable('window') THEN moving_avg END AS vol_moving_avg,
    CASE WHEN closes >= getvariable('window') THEN rolling_med END AS adj_close_rolling_med
  FROM rolling
  ORDER BY place
)
SELECT
  prices.* EXCLUDE (place),
  CASE WHEN windows.place = prices.place THEN vol_moving_avg ELSE error('rows are out of place') END AS vol_moving_avg,
  adj_close_rolling_med
FROM prices POSITIONAL JOIN windows
